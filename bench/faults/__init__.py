"""Faults that games share: kills in the middle of the work, and the ends of runs that are judged after them."""
