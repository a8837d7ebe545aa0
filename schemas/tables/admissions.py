"""What the table ``admissions`` keeps. The fold writes it, and who asks why a run waits reads it.

Entity ``lines``, with all that decides whose run is next; one record may admit a run of any organisation:

- ``pool``: ``Pool``, how many run in all, and the organisations that have their turn coming, in order
- ``l:<organisation>``: ``Limits``
- ``o:<organisation>``: ``Organisation``, its counts, and which of its workflows have runs in line
- ``q:<organisation>/<workflow>``: ``Line``; the runs of a workflow have numbers, and those below ``head`` were admitted
- ``w:<organisation>/<workflow>/<number>``: ``Placed``, a run that waits or runs; gone when it is over

Entity ``run/<run id>``: ``b``, written once, and ``r``: ``Known``, where the run is, or that it is over.

So a run costs one entry while it waits and runs, admission writes none of a run, and an admitted run is found by its
number. Structs are MessagePack arrays: a new field goes last and has a default.
"""

from typing import Any

import msgspec

LINES = "lines"
RUN_PREFIX = "run/"
#: Entries of a run. The first is written once: a checkpoint tells by it which runs began since the one before.
BEGUN = "b"
WHERE = "r"
POOL = "pool"
ORGANISATION = "o:"
LIMITS = "l:"
LINE = "q:"
PLACED = "w:"


class Limits(msgspec.Struct, frozen=True, array_like=True):
    """How many runs of an organisation, and of its workflows by name, may run at once; ``None`` is any number."""

    version: int = 0
    most: int | None = None
    workflows: dict[str, int] = {}


class Organisation(msgspec.Struct, frozen=True, array_like=True):
    """An organisation's runs.

    ``lines`` are the workflows with runs in line; ``in_turn``: it stands in ``Pool.turns``.
    """

    running: int = 0
    waiting: int = 0
    in_turn: bool = False
    lines: tuple[str, ...] = ()


class Line(msgspec.Struct, frozen=True, array_like=True):
    """The runs of one workflow. ``head`` is the number of the first that waits, ``since`` when it came (an offset).

    ``tail`` is the next number. A run that left the line leaves a hole, over which ``head`` goes when it gets there.
    """

    head: int = 0
    tail: int = 0
    running: int = 0
    waiting: int = 0
    since: int = 0


class Pool(msgspec.Struct, frozen=True, array_like=True):
    """All organisations together. ``size`` 0 is any number; ``turns`` are organisations, the next one first."""

    size: int = 0
    running: int = 0
    waiting: int = 0
    turns: tuple[str, ...] = ()


class Placed(msgspec.Struct, frozen=True, array_like=True):
    """A run in its line. ``since`` is the offset at which it came."""

    run_id: str
    asked_ms: int
    since: int


class Known(msgspec.Struct, frozen=True, array_like=True):
    """Where a run is in its workflow's line."""

    org_id: str
    workflow: str
    number: int
    is_over: bool = False


Value = Limits | Organisation | Line | Pool | Placed | Known | int


def run_entity(run_id: str) -> str:
    """Return the entity of a run."""
    return f"{RUN_PREFIX}{run_id}"


def limits_field(org_id: str) -> str:
    """Return the entry of an organisation's limits."""
    return f"{LIMITS}{org_id}"


def organisation_field(org_id: str) -> str:
    """Return the entry of an organisation's counts."""
    return f"{ORGANISATION}{org_id}"


def line_field(org_id: str, workflow: str) -> str:
    """Return the entry of a workflow's line."""
    return f"{LINE}{org_id}/{workflow}"


def placed_field(org_id: str, workflow: str, number: int) -> str:
    """Return the entry of a run in its line."""
    return f"{PLACED}{org_id}/{workflow}/{number}"


def of_placed(field: str) -> tuple[str, str, int]:
    """Return organisation, workflow and number of a run's entry in its line."""
    org_id, _, rest = field.removeprefix(PLACED).partition("/")
    workflow, _, number = rest.rpartition("/")
    return org_id, workflow, int(number)


def encode(value: Value) -> bytes:
    """Return an entry's stored bytes."""
    return _ENCODER.encode(value)


def decode(field: str, data: bytes) -> Any:
    """Return the value of stored bytes. Raises ``KeyError`` for an entry that is none of ours."""
    return _DECODERS[field if ":" not in field else field[:2]].decode(data)


_ENCODER = msgspec.msgpack.Encoder()
_DECODERS: dict[str, msgspec.msgpack.Decoder[Any]] = {
    POOL: msgspec.msgpack.Decoder(Pool),
    ORGANISATION: msgspec.msgpack.Decoder(Organisation),
    LIMITS: msgspec.msgpack.Decoder(Limits),
    LINE: msgspec.msgpack.Decoder(Line),
    PLACED: msgspec.msgpack.Decoder(Placed),
    WHERE: msgspec.msgpack.Decoder(Known),
    BEGUN: msgspec.msgpack.Decoder(int),
}
