"""Records in Avro (specification 1.12, binary encoding) as JSON values."""

import base64
import datetime
import decimal
import io
import uuid
from typing import Any

import fastavro
import orjson
from fastavro.types import Schema as ParsedSchema

from connectors.schema_registry.client import Schema
from schemas.errors import BadRecord
from schemas.records.base import Json


class AvroDecoder:
    """Reads the records of one schema."""

    def __init__(self, schema: Schema) -> None:
        """Compile a schema. Raises ``BadRecord`` for one that cannot be used."""
        named: dict[str, Any] = {}
        try:
            for _, text in schema.references:
                fastavro.parse_schema(orjson.loads(text), named_schemas=named)
            self._schema: ParsedSchema = fastavro.parse_schema(orjson.loads(schema.text), named_schemas=named)
        except Exception as exc:
            # The library raises what its code happens to meet: KeyError, TypeError and its own errors.
            raise BadRecord("schema", f"the schema is no Avro schema: {type(exc).__name__}: {str(exc)[:200]}") from exc

    def decode(self, data: bytes) -> Json:
        """Return a record's value. Raises ``BadRecord`` for bytes that are none of the schema."""
        source = io.BytesIO(data)
        try:
            value = fastavro.schemaless_reader(source, self._schema, None)
        except Exception as exc:
            # As above: bytes that are wrong end in any error.
            raise BadRecord("avro", f"the bytes are no record of its schema: {type(exc).__name__}") from exc
        if source.tell() != len(data):
            raise BadRecord("avro", f"{len(data) - source.tell()} bytes follow the record; its schema is another one")
        return as_json(value)


def as_json(value: Any) -> Json:
    """Return a value of Avro as JSON has it.

    Decimals and UUIDs become texts, times RFC 3339, bytes base64, durations seconds.
    """
    if isinstance(value, dict):
        return {str(name): as_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    return str(value) if isinstance(value, decimal.Decimal | uuid.UUID) else value
