"""How a table's entries are written into its checkpoint topic, and read back. Pure.

Records, by key, where ``n`` is the length of the entity's name in characters:

- ``n<1f>entity``: the entity as a whole, MessagePack of its entries by field; takes the place of all before it. It is
  empty for an entity whose entries may be dropped one by one
- ``n<1f>entity field``: one entry's bytes
- ``~page<1f>epoch.number``: many whole entities that ended, each with its entries and when it leaves
- ``~marker``: the last record of every checkpoint, of which offset of which log it is

A tombstone takes back its key. Counters are entries of the reserved entity ``~counters``, as decimal text.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import msgpack
import msgspec

from connectors.ports.engine import Kept

MARKER_KEY = b"~marker"
PAGE_PREFIX = b"~page\x1f"
COUNTERS = "~counters"
_SEPARATOR = "\x1f"
#: An entity over this is written entry by entry, so that no record is too big for the log.
WHOLE_BYTES = 64 * 1024

Fields = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Marker:
    """What a checkpoint stands for: the table as of ``offset`` of the log ``incarnation``, at ``clock_ms``.

    ``epoch`` is its owner's, ``at_ms`` when it was written.
    """

    offset: int
    clock_ms: int
    incarnation: str
    epoch: int
    at_ms: int

    def kept(self) -> Kept:
        """Return its record."""
        return Kept(MARKER_KEY, msgspec.json.encode(asdict(self)))


def marker_of(kept: Kept | None) -> Marker | None:
    """Return the marker that the last record of a checkpoint topic is; ``None`` if there is no checkpoint."""
    if kept is None or kept.key != MARKER_KEY or kept.value is None:
        return None
    return msgspec.json.decode(kept.value, type=Marker)


def entry_key(entity: str, field: str = "") -> bytes:
    """Return the key of an entry, or of the entity as a whole."""
    return f"{len(entity)}{_SEPARATOR}{entity}{field}".encode()


def split_key(key: bytes) -> tuple[str, str]:
    """Return entity and field of a key that ``entry_key`` made; an empty field for the whole."""
    length, _, name = key.decode().partition(_SEPARATOR)
    at = int(length)
    return name[:at], name[at:]


def is_page(key: bytes) -> bool:
    """Whether a key is that of a page."""
    return key.startswith(PAGE_PREFIX)


def page_key(epoch: int, number: int) -> bytes:
    """Return the key of an owner's ``number``-th page."""
    return PAGE_PREFIX + b"%d.%d" % (epoch, number)


def pack_left(entity: str, at_ms: int, fields: Mapping[str, bytes]) -> bytes:
    """Return an ended entity as a part of a page."""
    packed: bytes = msgpack.packb((entity, at_ms, fields))
    return packed


def unpack_page(value: bytes) -> Iterator[tuple[str, int, Fields]]:
    """Yield the entities of a page: name, when it leaves, entries."""
    unpacker = msgpack.Unpacker(max_buffer_size=0)
    unpacker.feed(value)
    yield from unpacker


def pack_whole(fields: Mapping[str, bytes]) -> bytes:
    """Return an entity's entries as one value."""
    packed: bytes = msgpack.packb(fields)
    return packed


def unpack_whole(value: bytes) -> Fields:
    """Return the entries in ``pack_whole``'s bytes."""
    fields: Fields = msgpack.unpackb(value)
    return fields


def write_whole(entity: str, fields: Fields, expire_at_ms: int | None) -> Iterator[Kept]:
    """Yield the records of an entity of which these are all entries, and none is dropped before it leaves."""
    if sum(map(len, fields.values())) <= WHOLE_BYTES:
        yield Kept(entry_key(entity), pack_whole(fields), expire_at_ms)
    else:
        yield from write_apart(entity, fields, expire_at_ms)


def write_apart(entity: str, fields: Fields, expire_at_ms: int | None) -> Iterator[Kept]:
    """Yield the records of an entity of which these are all entries, each under a key of its own.

    So the tombstone of one that is dropped takes back the very record that has it: inside a record of the whole it
    would come back as soon as the log's cleaner has removed the tombstone.
    """
    yield Kept(entry_key(entity), pack_whole({}), expire_at_ms)
    for field, data in fields.items():
        yield Kept(entry_key(entity, field), data, expire_at_ms)


def write_gone(entity: str, clock_ms: int) -> Kept:
    """Return the record of an entity that is no more. No tombstone: its entries' keys would outlive that one.

    It has left already, so the next sweep takes back every key of it.
    """
    return Kept(entry_key(entity), pack_whole({}), clock_ms)
