"""What a fold asks the engine to do. Commands depend on state and record only, never on chunk boundaries.

The engine emits every ``Emit`` before it commits the state, so a crash between the two emits it again: whatever
is emitted must carry an id by which its reader tells the repeat. All others are part of the commit itself.
"""

from dataclasses import dataclass

from schemas.records.base import Record
from schemas.records.money import CallStarted

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Emit:
    """Produce ``record`` on the topic of its model (see ``streams.runtime.routing``)."""

    record: Record


@dataclass(frozen=True, slots=True)
class Arm:
    """Let timer ``timer_id`` of ``entity`` fire at ``due_ms``. Arming an armed timer moves it."""

    entity: str
    timer_id: str
    due_ms: int


@dataclass(frozen=True, slots=True)
class Disarm:
    """Forget a timer. One that already fired may still come: its id no longer matches."""

    entity: str
    timer_id: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Put the hold of a started call back, unless it is there."""

    call: CallStarted


@dataclass(frozen=True, slots=True)
class Release:
    """Give back the hold of a call, if it is there."""

    org_id: str
    call_id: str


@dataclass(frozen=True, slots=True)
class Count:
    """Add ``amount`` to a counter, once: counted in the commit, never on replay."""

    metric: str
    labels: Labels = ()
    amount: int = 1


@dataclass(frozen=True, slots=True)
class Observe:
    """Add one observation to a histogram, as ``Count`` does. ``trace_id`` names the trace that shows it."""

    metric: str
    value: float
    labels: Labels = ()
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class ExpireAt:
    """Let a whole entity leave the table at ``at_ms`` (it may be gone any time after)."""

    entity: str
    at_ms: int


Command = Emit | Arm | Disarm | Hold | Release | Count | Observe | ExpireAt
