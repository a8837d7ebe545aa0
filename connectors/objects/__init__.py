"""Object storage for large payloads: directories and S3."""
