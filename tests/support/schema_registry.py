"""The small schema registry of the figures, for tests."""

from bench.doors.schema_registry import (
    BYTES,
    INT32,
    INT64,
    STRING,
    Registry,
    protobuf_file,
    protobuf_message,
    schema_registry,
)

__all__ = [
    "BYTES",
    "INT32",
    "INT64",
    "STRING",
    "Registry",
    "protobuf_file",
    "protobuf_message",
    "schema_registry",
]
