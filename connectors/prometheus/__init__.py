"""Prometheus: the client library's metrics, made of our declarations."""
