"""The tool http.request: requests to other systems, with egress rules."""
