"""Two runs, or two groups of runs, compared: where they part first, why, and what follows from that."""
