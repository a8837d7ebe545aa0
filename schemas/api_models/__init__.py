"""Bodies of the HTTP API. Requests refuse unknown fields."""
