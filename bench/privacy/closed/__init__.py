"""Failures of what protects data, planted into real processes: nothing may pass, and each refusal has a type."""
