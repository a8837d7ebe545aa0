"""HTTP to other hosts: model providers, and what workflows ask."""
