"""Rules for personal data, a module for each family. Each module has ``RULES``."""
