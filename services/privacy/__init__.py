"""Personal data and secrets: clean texts, detectors, redaction, the vault of tokens and keys, data subjects."""
