"""Several tries of a call: fallbacks, hedges, and their ids."""
