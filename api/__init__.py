"""The HTTP API: submit, read and manage. It appends records and reads tables, and knows nothing of the streams."""
