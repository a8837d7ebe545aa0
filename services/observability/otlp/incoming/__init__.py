"""Spans of other programs, as they come by OTLP: read, checked, understood, priced, and made records."""
