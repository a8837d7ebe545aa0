"""Keys of organisations and data subjects, and the tokens that stand for values."""
