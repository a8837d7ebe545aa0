"""A provider that enforces limits, and processes that ask it through quotas."""
