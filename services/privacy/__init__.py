"""Personal data and secrets: sanitised, found, redacted, kept in a vault, erased."""
