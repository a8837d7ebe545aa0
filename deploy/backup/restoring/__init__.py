"""Restoring onto an empty site: the plan, then rows and the log, and what was open."""
