"""The protocols that adapters implement: log, table, clock, checkpoints, publish and subscribe."""
