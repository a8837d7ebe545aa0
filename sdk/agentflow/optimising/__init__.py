"""Looks for a better version of a prompt: proposes variants, evaluates them, and keeps those that are worth it."""
