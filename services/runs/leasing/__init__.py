"""Leases of steps for workers that are not ours."""
