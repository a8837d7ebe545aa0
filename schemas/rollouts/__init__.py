"""Rollouts of prompts: the plan, who gets which version, and the tests that decide; the fold and the API share them."""
