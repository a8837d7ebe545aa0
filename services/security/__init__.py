"""Who may ask: tokens of an issuer."""
