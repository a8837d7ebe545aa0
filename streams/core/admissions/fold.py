"""The fold of ``admissions``: which queued run may start, so that limits hold and organisations take turns.

The rules, whatever comes twice, late, or from one who has lost its partition:

1. A run that asks stands in line, behind the others of its workflow in its organisation. One that is known and waits
   is not put in line again; one that was admitted is told so again; one that is over is not heard.
2. A run that is over gives its place back, or leaves the line, once. One that never asked is remembered as over.
3. An organisation may have ``max_running_runs`` runs running, each of its workflows as many as its own limit says, and
   all organisations together as many as the pool has. A limit that is not set is none. Lower limits stop nothing that
   runs: less is let in.
4. An organisation has its turn coming when it has a run in line for which its own limits have room. It then stands
   behind the others whose turn is coming.
5. While the pool has room, the first of them has its turn: of its workflows that have room, the one whose first run
   has waited longest has that run admitted. If it could go on, it stands behind the others again. So between two turns
   of an organisation every other one has at most one, however long anybody's line is.
6. One record admits ``MAX_AT_ONCE`` runs at most. If there is room for more, it emits another record, which continues.

Rules 4 to 6 follow on every record, so nobody is left in line while there is room: either nothing may go, or a record
that goes on is in the log. What is admitted without need (its run is over, or unknown) is answered by its run with a
release. A run that is over is remembered for ``REMEMBERED_MS``; whoever asks later than that is a ghost of this kind.
"""

import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import msgspec

from schemas.errors import BadRecord
from schemas.metrics import ADMISSION_DELAY_SECONDS
from schemas.records.admissions import (
    AdmissionAsked,
    AdmissionContinued,
    AdmissionEvent,
    AdmissionReleased,
    LimitsSet,
    PoolSet,
)
from schemas.records.run_events import RunAdmitted
from schemas.tables import admissions as kept
from schemas.tables.admissions import BEGUN, LINES, WHERE, Known, Limits, Placed, Value, run_entity
from streams.core.admissions.queue import Lines
from streams.core.commands import Command, Emit, ExpireAt, Observe
from streams.core.state import State

#: How long a run that is over is remembered: longer than anybody who has lost a partition goes on unnoticed.
REMEMBERED_MS = 600_000
#: A raised limit may let tens of thousands go; more at once would hold up the records behind it.
MAX_AT_ONCE = 1_000

_ORG_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FOR_ALL = (PoolSet, AdmissionContinued)


class AdmissionsFold:
    """The rules of the table ``admissions``; see ``streams.core.state.Fold``."""

    def touches(self, event: AdmissionEvent) -> tuple[str, ...]:
        """Return the lines and, if there is one, the run."""
        return (LINES, run_entity(event.run_id)) if isinstance(event, AdmissionAsked | AdmissionReleased) else (LINES,)

    def follows(self, state: State, event: AdmissionEvent) -> tuple[str, ...]:
        """Return nothing: the lines name every run."""
        return ()

    def fold(self, state: State, event: AdmissionEvent, now_ms: int, offset: int) -> list[Command]:
        """Apply one event, then let go whose turn it is.

        Raises ``BadRecord`` for an organisation id that may name another entry.
        """
        if not isinstance(event, _FOR_ALL) and not _ORG_PATTERN.fullmatch(event.org_id):
            raise BadRecord("org_id", f"organisation id {event.org_id!r} is not letters, digits, '-' and '_'")
        lines = Lines(state)
        commands = _RULES[type(event)](state, lines, event, now_ms, offset)
        if not isinstance(event, _FOR_ALL):
            _come_in(lines, event.org_id)
        return commands + _let_go(lines, now_ms)

    def beside(self, state: State, entity: str) -> tuple[str, ...]:
        """Nothing more."""
        return ()

    def outstanding(self, state: State, entity: str, now_ms: int) -> list[Command]:
        """Return the word of admission for every run that has it and is not over, and the record that goes on."""
        if entity != LINES:
            return []
        lines = Lines(state)
        told: list[Command] = [Emit(_admitted(org, workflow, one)) for org, workflow, one in lines.admitted()]
        pool = lines.pool
        return [*told, Emit(AdmissionContinued())] if pool.turns and _has_room(lines) else told

    def encode(self, entity: str, field: str, value: Value) -> bytes:
        """Return an entry's stored bytes."""
        return kept.encode(value)

    def decode(self, entity: str, field: str, data: bytes) -> Any:
        """Return what ``encode`` was given."""
        return kept.decode(field, data)

    def timer(self, entity: str, field: str, data: bytes) -> None:
        """Return nothing: nobody waits here for a time."""

    def hold(self, entity: str, field: str, data: bytes) -> None:
        """Return nothing: money is another table's."""

    def whole(self, entity: str, fields: Collection[str]) -> bool:
        """Return whether what is written once of a run is among them."""
        return BEGUN in fields

    def lasting(self, entity: str, fields: Mapping[str, bytes]) -> Iterable[str]:
        """Return everything: that it is over is what must be remembered."""
        return fields


def _ask(state: State, lines: Lines, event: AdmissionAsked, now_ms: int, offset: int) -> list[Command]:
    entity, known = run_entity(event.run_id), _known(state, event)
    if known is None:
        placed = Placed(event.run_id, now_ms, offset)
        number = lines.stand(event.org_id, event.workflow_name, placed)
        state.put(entity, BEGUN, 1)
        state.put(entity, WHERE, Known(event.org_id, event.workflow_name, number))
        return []
    if known.is_over or known.number >= lines.line(event.org_id, known.workflow).head:
        return []
    there = lines.placed(event.org_id, known.workflow, known.number)
    return [] if there is None else [Emit(_admitted(event.org_id, known.workflow, there))]


def _release(state: State, lines: Lines, event: AdmissionReleased, now_ms: int, offset: int) -> list[Command]:  # noqa: ARG001
    entity, known = run_entity(event.run_id), _known(state, event)
    if known is None:
        state.put(entity, BEGUN, 1)
        known = Known(event.org_id, event.workflow_name, -1)
    elif known.is_over:
        return []
    else:
        lines.leave(event.org_id, known.workflow, known.number)
    state.put(entity, WHERE, msgspec.structs.replace(known, is_over=True))
    return [ExpireAt(entity, now_ms + REMEMBERED_MS)]


def _known(state: State, event: AdmissionAsked | AdmissionReleased) -> Known | None:
    known: Known | None = state.get(run_entity(event.run_id), WHERE)
    if known is not None and known.org_id != event.org_id:
        raise BadRecord("org_id", f"run {event.run_id} is of {known.org_id}, and the record says {event.org_id}")
    return known


def _set_limits(state: State, lines: Lines, event: LimitsSet, now_ms: int, offset: int) -> list[Command]:  # noqa: ARG001
    if event.version > lines.limits(event.org_id).version:
        lines.limit(event.org_id, Limits(event.version, event.max_running_runs, event.workflows))
    return []


def _set_pool(state: State, lines: Lines, event: PoolSet, now_ms: int, offset: int) -> list[Command]:  # noqa: ARG001
    if event.size != lines.pool.size:
        lines.pool = msgspec.structs.replace(lines.pool, size=event.size)
    return []


def _continue(*_: object) -> list[Command]:
    return []


_RULES: Mapping[type, Callable[[State, Lines, Any, int, int], list[Command]]] = {
    AdmissionAsked: _ask,
    AdmissionReleased: _release,
    LimitsSet: _set_limits,
    PoolSet: _set_pool,
    AdmissionContinued: _continue,
}


def _come_in(lines: Lines, org_id: str) -> None:
    """Let an organisation stand where turns are given, if it has something to be admitted and does not yet."""
    if not lines.organisation(org_id).in_turn and lines.next_of(org_id) is not None:
        lines.turn(org_id, comes=True)
        lines.pool = msgspec.structs.replace(lines.pool, turns=(*lines.pool.turns, org_id))


def _has_room(lines: Lines) -> bool:
    pool = lines.pool
    return not pool.size or pool.running < pool.size


def _let_go(lines: Lines, now_ms: int) -> list[Command]:
    """Give turns while there is room."""
    if not lines.pool.turns or not _has_room(lines):
        return []
    commands: list[Command] = []
    turns = deque(lines.pool.turns)
    admitted = 0
    while turns and _has_room(lines):
        if admitted == MAX_AT_ONCE:
            commands.append(Emit(AdmissionContinued()))
            break
        org_id = turns.popleft()
        workflow = lines.next_of(org_id)
        if workflow is not None:
            placed = lines.admit(org_id, workflow)
            commands += (Emit(_admitted(org_id, workflow, placed)), _delay(workflow, now_ms - placed.asked_ms))
            admitted += 1
        if lines.next_of(org_id) is not None:
            turns.append(org_id)
        else:
            lines.turn(org_id, comes=False)
    lines.pool = msgspec.structs.replace(lines.pool, turns=tuple(turns))
    return commands


def _admitted(org_id: str, workflow: str, placed: Placed) -> RunAdmitted:
    return RunAdmitted(run_id=placed.run_id, org_id=org_id, workflow_name=workflow)


def _delay(workflow: str, waited_ms: int) -> Observe:
    return Observe(ADMISSION_DELAY_SECONDS, max(0, waited_ms) / 1000, (("workflow", workflow),))
