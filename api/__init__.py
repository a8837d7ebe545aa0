"""The HTTP API: submits, reads and manages. It appends records and reads tables, and does not import `streams`."""
