"""Vectors of texts, by models that come with a package."""
