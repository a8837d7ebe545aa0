"""Facts about an image, read from its first bytes."""
