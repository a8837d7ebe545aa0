"""Records whose schemas are in a schema registry: its client, and the decoders of Avro and Protobuf."""
