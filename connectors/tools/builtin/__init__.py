"""The tools and functions that ship with AgentFlow."""
