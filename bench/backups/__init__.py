"""Backups under load, a site that is lost, and what of it is there again after a restore."""
