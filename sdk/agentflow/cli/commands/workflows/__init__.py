"""The commands of ``agentctl workflow``, by what they do."""
