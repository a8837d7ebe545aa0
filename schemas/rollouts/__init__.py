"""Rollouts of prompts as data: the plan, and who gets which version."""
