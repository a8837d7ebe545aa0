"""NATS: publish and subscribe for messages that may be lost."""
