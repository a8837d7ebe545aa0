"""Records in Protobuf as JSON values, by the descriptor of their file.

The JSON is ProtoJSON with the names of the file: integers of 64 bits are texts, bytes base64, times RFC 3339. Fields
that are not sent and have no presence have their default, so that an expression may read them.
"""

import base64
import binascii
import importlib
from collections.abc import Iterable

from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import Descriptor, FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message import DecodeError, Message

from connectors.schema_registry.client import Schema
from schemas.errors import BadRecord
from schemas.records.base import Json
from schemas.triggers.framing import message_place

#: Files of the language itself, which no registry has.
_WELL_KNOWN = "google/protobuf/"
#: Schemas are few, and so are the messages of one.
_MOST_MESSAGES = 200


class ProtobufDecoder:
    """Reads the records of one file; which message it is stands before each record."""

    def __init__(self, schema: Schema) -> None:
        """Compile a file. Raises ``BadRecord`` for one that cannot be used."""
        self._messages: dict[tuple[int, ...], type[Message]] = {}
        pool = descriptor_pool.DescriptorPool()
        added: set[str] = set()
        try:
            for name, text in schema.references:
                _add(pool, _file(text, name), added)
            file = _file(schema.text, "")
            _add(pool, file, added)
            self._file: FileDescriptor = pool.FindFileByName(file.name)
        except (TypeError, KeyError, ImportError) as exc:
            raise BadRecord("schema", f"the file cannot be compiled: {str(exc)[:200]}") from exc

    def decode(self, data: bytes) -> Json:
        """Return a record's value. Raises ``BadRecord`` for bytes that are none of the schema."""
        place, rest = message_place(data)
        message = self._message(place)()
        try:
            message.ParseFromString(rest)
            return json_format.MessageToDict(
                message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
            )
        except (DecodeError, json_format.Error, RecursionError, ValueError, TypeError) as exc:
            raise BadRecord("protobuf", f"the bytes are no message of its schema: {str(exc)[:200]}") from exc

    def _message(self, place: tuple[int, ...]) -> type[Message]:
        if (found := self._messages.get(place)) is not None:
            return found
        described: Descriptor | None = None
        within: Iterable[Descriptor] = self._file.message_types_by_name.values()
        for index in place:
            listed = list(within)
            if not 0 <= index < len(listed):
                raise BadRecord("protobuf", f"the file has no message at {list(place)}; its schema is another one")
            described = listed[index]
            within = described.nested_types
        if described is None:
            raise BadRecord("protobuf", "the record names no message of its file")
        made: type[Message] = message_factory.GetMessageClass(described)
        if len(self._messages) < _MOST_MESSAGES:
            self._messages[place] = made
        return made


def _file(text: str, name: str) -> FileDescriptorProto:
    """Return a file's descriptor; ``name`` is how others import it."""
    try:
        file = FileDescriptorProto.FromString(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, DecodeError) as exc:
        said = "the registry gave no descriptor in base64, which `format=serialized` asks for; use one that does"
        raise BadRecord("schema", said) from exc
    file.name = name or file.name or "schema.proto"
    return file


def _add(pool: descriptor_pool.DescriptorPool, file: FileDescriptorProto, added: set[str]) -> None:
    """Add a file, after the files of the language that it imports."""
    for imported in file.dependency:
        if imported.startswith(_WELL_KNOWN) and imported not in added:
            module = importlib.import_module(f"{imported.removesuffix('.proto').replace('/', '.')}_pb2")
            _add(pool, FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb), added)
    if file.name not in added:
        pool.Add(file)
        added.add(file.name)
