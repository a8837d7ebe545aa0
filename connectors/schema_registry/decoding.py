"""From a record's bytes to its value, by the format of a trigger's topic."""

from typing import Literal, Protocol

from cachetools import LRUCache

from connectors.schema_registry.avro import AvroDecoder
from connectors.schema_registry.client import Schema
from connectors.schema_registry.protobuf import ProtobufDecoder
from schemas.errors import BadRecord, Unavailable
from schemas.records.base import Json
from schemas.triggers.framing import MAGIC, unframed
from schemas.values.json_text import read_json, write_json

Format = Literal["json", "avro", "protobuf"]

#: A topic has some schemas, an installation some hundreds.
MOST_SCHEMAS = 1_000
_FRAME = 5
_KINDS = {"AVRO": "avro", "PROTOBUF": "protobuf"}
_Decoder = AvroDecoder | ProtobufDecoder


class Schemas(Protocol):
    """See ``connectors.schema_registry.client.SchemaRegistry``."""

    async def schema(self, schema_id: int) -> Schema:
        """Return a schema. Raises ``BadRecord`` for an unknown one, and ``Unavailable``."""
        ...


class RecordReader:
    """Reads values of records. Without ``registry`` only JSON can be read."""

    def __init__(self, registry: Schemas | None) -> None:
        self._registry = registry
        self._decoders: LRUCache[int, tuple[str, _Decoder]] = LRUCache(MOST_SCHEMAS)

    async def value(self, data: bytes | None, form: Format) -> Json:
        """Return a record's value.

        Raises ``BadRecord`` for bytes that are none of the format, and ``Unavailable`` while the registry of an unknown
        schema does not answer: the record may be good then.
        """
        if form == "json":
            return _json(data)
        found = unframed(data)
        kind, decoder = await self._decoder(found.schema_id)
        if kind != form:
            raise BadRecord("schema", f"schema {found.schema_id} is of {kind}, and the trigger reads {form}")
        value = decoder.decode(found.data)
        # What JSON does not have, such as NaN or U+0000, no expression and no input has either.
        write_json(value)
        return value

    async def _decoder(self, schema_id: int) -> tuple[str, _Decoder]:
        found = self._decoders.get(schema_id)
        if found is not None:
            return found
        if self._registry is None:
            raise Unavailable("schema registry", "there is none; set SCHEMA_REGISTRY_URL and start again")
        schema = await self._registry.schema(schema_id)
        kind = _KINDS.get(schema.kind)
        if kind is None:
            raise BadRecord("schema", f"schema {schema_id} is of {schema.kind}, which is neither Avro nor Protobuf")
        made = (kind, AvroDecoder(schema) if kind == "avro" else ProtobufDecoder(schema))
        self._decoders[schema_id] = made
        return made


def _json(data: bytes | None) -> Json:
    if data is None:
        raise BadRecord("tombstone", "a record without a value; it has nothing to submit")
    # Serializers of JSON Schema write the frame as well. No JSON begins with a zero byte.
    return read_json(data[_FRAME:] if data[:1] == bytes([MAGIC]) else data)
