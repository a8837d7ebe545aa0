"""Grafana: live streams of its HTTP API."""
