"""Prometheus: its configuration, recording rules and alerts, and the page of all metrics."""
