"""Prices of organisations: versions of price lists over the prices of the installation."""
