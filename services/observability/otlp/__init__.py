"""Spans to and from other systems by the OpenTelemetry protocol (OTLP)."""
