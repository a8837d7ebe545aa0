"""``python -m deploy.standby``: keeps a copy of the log at another site, to continue from when this one is lost."""
