"""Acceptance figures by area, ``python -m bench.prove``: a new area is one module and one row in ``areas``."""
