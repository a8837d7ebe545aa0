"""Live scoring: a sampled share of the answers of production is scored, once each."""
