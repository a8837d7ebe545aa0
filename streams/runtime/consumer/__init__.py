"""The transport: polls from Kafka through Faust."""
