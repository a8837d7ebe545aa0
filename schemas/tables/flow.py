"""Entries of flow control in the entity ``queues`` of the table ``admissions``, see ``schemas.tables.admissions``.

- ``x:<run id>``: ``FlowRun``, a run that passes gates or has passed them; dropped when it is over
- ``k:<organisation>/<key>``: ``FlowKey``, who holds a key and how many wait for it; dropped when nobody does
- ``e:<organisation>/<key>/<number>``: the id of a run that waits for a key; its line's numbers are given out in order
- ``s:<organisation>/<key>/<number>``: when a run started by a key with a rate, milliseconds since 1970

A run is in at most one line at a time. Structs are MessagePack arrays: a new field goes last and has a default.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from schemas.records.flow import FlowGate, GateKind
from schemas.tables.entry import Entry, entry

RUN = "x:"
KEY = "k:"
LINE = "e:"
START = "s:"


class FlowEnd(msgspec.Struct, frozen=True, array_like=True):
    """Why flow control ends a run: the code and the message of its error, and the run for which it ends."""

    code: str
    message: str
    by_run: str = ""


class FlowRun(msgspec.Struct, frozen=True, array_like=True):
    """A run that passes gates. ``passed`` counts those behind it; with all of them it is admitted, or stands in the
    queue of its workflow if it is ``limited``.

    ``number`` is its place in the line of its next gate, or in that queue; -1 for none. ``version`` is its workflow's.
    """

    org_id: str
    workflow: str
    project: str
    limited: bool
    version: int
    gates: tuple[FlowGate, ...]
    asked_ms: int
    since: int
    passed: int = 0
    number: int = -1
    end: FlowEnd | None = None


class FlowKey(msgspec.Struct, frozen=True, array_like=True):
    """A key of any kind. ``version`` is the newest of its workflow that was seen; its ``limit`` and ``per_ms`` hold.

    ``held`` counts the runs that hold it. ``head`` to ``tail`` are the numbers of its line, of which ``waiting`` are
    there. Of a rate, ``first`` to ``last`` are the numbers of its starts. ``due_ms`` is when its timer is due, 0
    without one. ``members`` are the runs of a key that cancels its oldest, or the one run that a debounce delays, whose
    first run came at ``since_ms``.
    """

    kind: GateKind = "concurrency"
    version: int = 0
    limit: int = 0
    per_ms: int = 0
    held: int = 0
    head: int = 0
    tail: int = 0
    waiting: int = 0
    first: int = 0
    last: int = 0
    due_ms: int = 0
    since_ms: int = 0
    members: tuple[str, ...] = ()


FlowValue = FlowRun | FlowKey | str


def flow_run_field(run_id: str) -> Entry[FlowRun]:
    """Return the entry of a run that passes gates."""
    return entry(f"{RUN}{run_id}")


def key_field(org_id: str, key: str) -> Entry[FlowKey]:
    """Return the entry of a key."""
    return entry(f"{KEY}{org_id}/{key}")


def line_field(org_id: str, key: str, number: int) -> Entry[str]:
    """Return the entry of a place in a key's line."""
    return entry(f"{LINE}{org_id}/{key}/{number}")


def start_field(org_id: str, key: str, number: int) -> Entry[int]:
    """Return the entry of a start by a key with a rate."""
    return entry(f"{START}{org_id}/{key}/{number}")


def key_timer(org_id: str, key: str) -> str:
    """Return the name of a key's timer."""
    return f"{org_id}/{key}"


def parse_key_timer(timer: str) -> tuple[str, str]:
    """Return organisation and key of a timer. Raises ``ValueError`` for another text."""
    org_id, slash, key = timer.rpartition("/")
    if not slash or not org_id or not key:
        raise ValueError(f"{timer[:100]!r} names no timer of flow control")
    return org_id, key


def timer_of(field: str, data: bytes) -> tuple[str, int] | None:
    """Return the timer that a key's stored bytes say is armed, its name and when it is due."""
    key: FlowKey = DECODERS[KEY].decode(data)
    return (field.removeprefix(KEY), key.due_ms) if key.due_ms else None


DECODERS: Mapping[str, msgspec.msgpack.Decoder[Any]] = {
    RUN: msgspec.msgpack.Decoder(FlowRun),
    KEY: msgspec.msgpack.Decoder(FlowKey),
    LINE: msgspec.msgpack.Decoder(str),
    START: msgspec.msgpack.Decoder(int),
}
