"""Simulated rollouts: thousands of seeds of made-up traffic, judged after every run."""
