"""Master keys, and how secrets are sealed under a key."""
