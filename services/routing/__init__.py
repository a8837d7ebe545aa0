"""Choose the provider and model of a call."""
