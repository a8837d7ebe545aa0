"""Scorers by kind, one module per family; ``table.scorer_of`` makes one of its specification."""
