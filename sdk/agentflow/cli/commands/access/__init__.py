"""Commands about keys, projects and organisations."""
