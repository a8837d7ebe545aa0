"""The engine: record batches on Faust, fenced tables, timers, dead letters. See docs/explanation/architecture.md."""
