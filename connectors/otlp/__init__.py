"""Receivers of the OpenTelemetry protocol (OTLP), and what its answers are made of."""
