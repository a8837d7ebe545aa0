"""Arize Phoenix, a server of traces from PyPI: what our spans look like to a receiver that others wrote."""
