"""What the HTTP API takes and answers. Requests refuse fields that they do not know."""
