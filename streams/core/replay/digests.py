"""Digests of what a record made the fold decide, by kind, so that two folds can be compared without either's code."""

import hashlib
from collections.abc import Iterable
from typing import Literal

import msgspec

from schemas.records.base import Record
from schemas.records.run_events import CancelRequested, ChildFinished, RunSubmitted
from schemas.records.run_views import RunView
from schemas.records.spans import TraceSpans
from schemas.records.spec_hooks import from_model
from schemas.records.steps import StepRequest
from streams.core.commands import Arm, Command, Disarm, Emit

Kind = Literal["request", "view", "run", "timer", "other"]
#: The kinds in the order in which a difference is named: requests first, what readers see last.
KINDS: tuple[Kind, ...] = ("request", "timer", "run", "other", "view")
_PLACES: dict[str, int] = {kind: place for place, kind in enumerate(KINDS)}
#: Enough to tell two digests apart, and short enough to read.
DIGITS = 16
_ENCODER = msgspec.json.Encoder(enc_hook=from_model)


def digests(commands: Iterable[Command]) -> dict[str, str]:
    """Return a digest for each kind of decision among commands; a request has one of its own, ``request STEP#ATTEMPT``.

    Spans and counters are left out: they say what was decided, and decide nothing.
    """
    parts: dict[str, list[bytes]] = {}
    for command in commands:
        kind = kind_of(command)
        if kind is not None:
            parts.setdefault(_name(kind, command), []).append(_bytes(command))
    return {name: hashlib.sha256(b"\n".join(found)).hexdigest()[:DIGITS] for name, found in parts.items()}


def named(name: str) -> tuple[Kind, str]:
    """Return the kind and, of a request, the step of a digest's name."""
    kind, _, request = name.partition(" ")
    return KINDS[_PLACES[kind]], request.rpartition("#")[0]


def in_order(names: Iterable[str]) -> list[str]:
    """Return names of digests in the order in which a difference is named. Raises ``KeyError`` for no such name."""
    return sorted(names, key=lambda name: (_PLACES[name.partition(" ")[0]], name))


def _name(kind: Kind, command: Command) -> str:
    if isinstance(command, Emit) and isinstance(command.record, StepRequest):
        return f"{kind} {command.record.step_id}#{command.record.attempt}"
    return kind


def kind_of(command: Command) -> Kind | None:
    """Return the kind of decision that a command is; ``None`` for one that decides nothing."""
    match command:
        case Emit(record):
            return _of_record(record)
        case Arm() | Disarm():
            return "timer"
        case _:
            return None


def _of_record(record: Record) -> Kind | None:
    match record:
        case StepRequest():
            return "request"
        case RunView():
            return "view"
        case RunSubmitted() | CancelRequested() | ChildFinished():
            return "run"
        case TraceSpans():
            return None
        case _:
            return "other"


def _bytes(command: Command) -> bytes:
    return _ENCODER.encode(command.record) if isinstance(command, Emit) else repr(command).encode()
