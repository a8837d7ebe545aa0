"""Generators and games of the area ``privacy``: personal data, secrets, and what is left of an erased person."""
