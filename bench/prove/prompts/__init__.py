"""Acceptance figures of prompts, evaluations and files of prompts: each module has some lines."""
