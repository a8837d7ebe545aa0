"""Personal data and secrets: what detectors find, what policies do with it, and tokens that stand for it. Pure."""
