"""A run's records as a replay reads them: events with their places in the log and the time that the fold saw."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from schemas.errors import Undecodable
from schemas.records.control import KeyReleased
from schemas.records.run_events import RunEvent, StepDeferred, StepFailed, StepSucceeded
from schemas.records.spec_hooks import to_model


class Recorded(NamedTuple):
    """One record. ``offset`` is its place in the partition of ``run-events``.

    ``at_ms`` is the partition's clock at it: the newest append time up to there, which is what the live fold saw.
    """

    offset: int
    at_ms: int
    event: RunEvent | KeyReleased


_DECODER: msgspec.json.Decoder[RunEvent | KeyReleased] = msgspec.json.Decoder(RunEvent | KeyReleased, dec_hook=to_model)


def event_of(text: bytes | str) -> RunEvent | KeyReleased:
    """Return the event of a record's JSON. Raises ``Undecodable``."""
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise Undecodable("schema", f"a record that is no event of a run: {exc}") from exc


def chained(events: Iterable[Recorded]) -> bool:
    """Return whether requests carried chained steps when this was recorded: only then an outcome speaks of a chain."""
    outcomes = (one.event for one in events if isinstance(one.event, StepSucceeded | StepFailed | StepDeferred))
    return any(event.chain is not None for event in outcomes)
