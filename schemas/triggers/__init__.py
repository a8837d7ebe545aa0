"""Triggers: what arrives from other systems becomes submissions of runs. Data and pure rules, without I/O."""
