"""Records of another system's topics, in three formats, of which some are poison."""

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import fastavro
import orjson

from bench.doors.schema_registry import INT32, STRING, Registry, protobuf_file, protobuf_message
from schemas.triggers.definition import Format
from schemas.triggers.framing import framed, place_bytes

FORMATS: Sequence[Format] = ("json", "avro", "protobuf")
PREFIX = "bench-arriving"
_AVRO: dict[str, Any] = {
    "type": "record",
    "name": "Order",
    "fields": [{"name": "text", "type": "string"}, {"name": "count", "type": "int"}],
}
_FILE = protobuf_file("order.proto", {"Order": {"text": STRING, "count": INT32}})
#: Nobody registered it.
_UNKNOWN_SCHEMA = 9_999


@dataclass(frozen=True)
class Arriving:
    """A record; ``text`` is what its run gets, empty for poison."""

    topic: str
    key: bytes
    value: bytes
    text: str = ""


def topic_of(form: Format) -> str:
    """Return the topic of a format."""
    return f"{PREFIX}-{form}"


def registered(registry: Registry) -> dict[Format, int]:
    """Register the schemas; return their ids."""
    avro = registry.add("orders-avro-value", "AVRO", orjson.dumps(_AVRO).decode())
    return {"json": 0, "avro": avro, "protobuf": registry.add_file("orders-protobuf-value", _FILE)}


def mixed(count: int, every: int, ids: dict[Format, int], seed: int = 0) -> list[Arriving]:
    """Return ``count`` records of all formats in random order; one of ``every`` is poison, with bytes of its own."""
    rng = random.Random(seed)  # noqa: S311
    found = []
    for number in range(count):
        form = FORMATS[number % len(FORMATS)]
        key = b"k%d" % (number % 97)
        if number % every == 0:
            found.append(Arriving(topic_of(form), key, _poison(form, number, ids[form])))
        else:
            text = f"{form} {number}"
            found.append(Arriving(topic_of(form), key, _value(form, text, number, ids[form]), text))
    rng.shuffle(found)
    return found


def _value(form: Format, text: str, number: int, schema_id: int) -> bytes:
    order = {"text": text, "count": number}
    if form == "json":
        return orjson.dumps(order)
    if form == "protobuf":
        return framed(schema_id, place_bytes((0,)) + protobuf_message(_FILE, "Order", **order))
    out = io.BytesIO()
    fastavro.schemaless_writer(out, _AVRO, order)
    return framed(schema_id, out.getvalue())


def _poison(form: Format, number: int, schema_id: int) -> bytes:
    """Return bytes that no run can be made of, in turn by each reason."""
    own = b"%d" % number
    if form == "json":
        return (b"\xff\xfe " + own, b'{"half": ' + own, orjson.dumps({"other": number}))[number // 3 % 3]
    return (
        b"no frame " + own,
        framed(_UNKNOWN_SCHEMA, own),
        framed(schema_id, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" + own),
    )[number // 3 % 3]
