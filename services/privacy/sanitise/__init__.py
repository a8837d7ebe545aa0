"""Texts as detectors and models should see them: canonical forms, decoded layers, links, safe HTML. Pure functions."""
