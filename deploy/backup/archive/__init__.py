"""The files of a backup: parts, their manifest, the chain of backups, places, and the pure rules of the log."""
