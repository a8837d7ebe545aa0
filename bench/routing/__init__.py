"""Markets of routes on which the bandit is played against others."""
