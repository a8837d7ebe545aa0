"""Earlier answers instead of calls: keys, policies, and one call in flight for many that ask the same."""
