"""How good answers are over time: how distributions move, and which runs are far from the others."""
