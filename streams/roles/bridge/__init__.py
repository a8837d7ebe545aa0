"""The bridge to NATS JetStream: submissions come in, events go out. Off unless it is set."""
