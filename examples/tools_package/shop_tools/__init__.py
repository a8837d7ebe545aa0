"""Tools and functions of a shop, which AgentFlow finds by the entry points in ``pyproject.toml``."""
