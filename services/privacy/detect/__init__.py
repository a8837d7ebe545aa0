"""Detectors: what personal data, secrets and instructions a text has. They score; policies decide what follows."""
