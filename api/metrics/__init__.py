"""The page of metrics: what it shows, and where its numbers come from."""
