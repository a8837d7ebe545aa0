"""The provider 'local': a deterministic extractive model and its HTTP server."""
