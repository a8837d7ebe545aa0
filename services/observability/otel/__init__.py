"""The edge to OpenTelemetry: names of others, which change; nothing inside of this system depends on them."""
