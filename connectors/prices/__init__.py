"""Prices of models, by provider, model and minute."""
