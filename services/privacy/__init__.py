"""Personal data and secrets: sanitised, found, redacted, restored and erased. Detectors score; policies decide."""
