"""Apache Kafka: the log, checkpoints, metadata and consumer lag."""
