"""The framing of records whose schema is in a registry: a zero byte, the schema's id, then the data.

After Confluent's wire format (docs.confluent.io, "Wire format"): the magic byte 0, the id as four bytes, the highest
first. In Protobuf the data begins with the place of the message in its file: a count and that many indexes, each a
zigzag varint; the frequent place [0] is the one byte 0.
"""

from dataclasses import dataclass

from schemas.errors import BadRecord

MAGIC = 0
_HEADER = 5
#: Messages are nested a few levels deep; a larger count is no place.
_MOST_INDEXES = 32
_MOST_VARINT_BYTES = 5


@dataclass(frozen=True, slots=True)
class Framed:
    """A record's data and the id of its schema."""

    schema_id: int
    data: bytes


def unframed(value: bytes | None) -> Framed:
    """Return what a framed record holds. Raises ``BadRecord``."""
    if value is None:
        raise BadRecord("tombstone", "a record without a value; it has nothing to submit")
    if len(value) < _HEADER or value[0] != MAGIC:
        raise BadRecord(
            "framing",
            "the value does not begin with the byte 0 and a schema's id; write it by a serializer of a schema registry",
        )
    return Framed(int.from_bytes(value[1:_HEADER], "big"), value[_HEADER:])


def framed(schema_id: int, data: bytes) -> bytes:
    """Return data with the id of its schema before it."""
    return bytes([MAGIC]) + schema_id.to_bytes(_HEADER - 1, "big") + data


def message_place(data: bytes) -> tuple[tuple[int, ...], bytes]:
    """Return the place of a Protobuf message in its file, and the message. Raises ``BadRecord``."""
    count, at = _zigzag(data, 0)
    if count == 0:
        return (0,), data[at:]
    if not 0 < count <= _MOST_INDEXES:
        raise BadRecord("framing", f"the record names its message by {count} indexes, the most is {_MOST_INDEXES}")
    place = []
    for _ in range(count):
        index, at = _zigzag(data, at)
        place.append(index)
    return tuple(place), data[at:]


def place_bytes(place: tuple[int, ...]) -> bytes:
    """Return a message's place as it is written before the message."""
    if place == (0,):
        return b"\0"
    return b"".join(_varint(index << 1) for index in (len(place), *place))


def _zigzag(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at a place, and where it ends."""
    raw = 0
    for count in range(_MOST_VARINT_BYTES):
        if at + count >= len(data):
            break
        byte = data[at + count]
        raw |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return (raw >> 1) ^ -(raw & 1), at + count + 1
    raise BadRecord("framing", "the record ends in the place of its message, or the place is no number")


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
