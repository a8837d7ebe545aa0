"""Workflows, calls and audit logs by which compliance is measured."""
