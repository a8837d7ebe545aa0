"""HTTP mechanics: problems, body limits, strict JSON, metrics, server-sent events."""
