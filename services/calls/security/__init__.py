"""Policies in a call of a model: what decides, and how untrusted parts are marked."""
