"""Taking a backup: the log, rows, objects, and the vault apart."""
