"""Checkpoints of fenced tables: writer, codec, reader, compaction."""
