"""Writes the generated files of the SDK: ``python -m sdk.generate``; with ``--check`` it only compares."""
