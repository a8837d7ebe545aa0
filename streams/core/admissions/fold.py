"""The fold of ``admissions``: which queued run may start, so that limits hold and organisations take fair turns.

The rules, whatever comes twice, late, or from an owner that has lost its partition:

1. A run that asks is queued behind the others of its workflow and project in its organisation. A queued run that asks
   again keeps its ticket; an admitted one is admitted again (its record may be lost); one that is over is ignored.
2. A run that is over frees its slot, or leaves the queue, once. One that never asked is remembered as over.
3. An organisation may have ``max_running_runs`` runs running, each of its workflows and projects as many as its own
   limit says, and all organisations together as many as the pool has. A limit that is not set is none. A lower limit
   stops no running run: fewer are admitted.
4. An organisation is in the rotation while it has a queued run for which its own limits have room. It joins at the end.
5. While the pool has room, the first of the rotation is served: of its queues whose workflow and project have room,
   the one whose first run has waited longest has that run admitted. If more could be admitted, the organisation joins
   at the end again. So between two admissions of an organisation every other one in the rotation has at most one,
   however long its queues.
6. One record admits ``MAX_AT_ONCE`` runs at most. If there is room for more, it emits a record that continues.

7. A run with ``flow`` first passes the gates of its workflow, see ``streams.core.admissions.flow``. One that is not
   limited is admitted behind them, and takes part in none of the rules above.

Rules 4 to 6 are applied on every record, so no run is queued while there is room: either none may be admitted, or a
record that continues is in the log. A run that was admitted without need (it is over, or unknown) answers with a
release. A run that is over is remembered for ``REMEMBERED_MS``, longer than a late ask can take.
"""

import re
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from schemas.errors import BadRecord
from schemas.metrics import ADMISSION_DELAY_SECONDS
from schemas.records.admissions import (
    AdmissionAsked,
    AdmissionContinued,
    AdmissionEvent,
    AdmissionReleased,
    FlowDue,
    LimitsSet,
    PoolSet,
)
from schemas.records.run_events import RunAdmitted
from schemas.tables import admissions as entries
from schemas.tables.admissions import (
    POSITION,
    QUEUES,
    Limits,
    RunPosition,
    Ticket,
    Value,
    parse_queue_name,
    queue_name,
    run_entity,
)
from schemas.tables.entry import BEGUN
from schemas.tables.flow import KEY, timer_of
from streams.core.admissions import flow_ends
from streams.core.admissions.flow import FlowControl
from streams.core.admissions.queue import AdmissionQueues
from streams.core.commands import Command, Emit, ExpireAt, Observe
from streams.core.flat_fold import FlatFold
from streams.core.org_ids import check_org_id
from streams.core.state import State

#: How long a run that is over is remembered: longer than an owner that has lost a partition can go on unnoticed.
REMEMBERED_MS = 600_000
#: A raised limit may admit tens of thousands; more at once would delay the records behind it.
MAX_AT_ONCE = 1_000

#: What a project's id may be. A run may name any text as its project, and only an id can have a limit.
_PROJECT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FOR_ALL = (PoolSet, AdmissionContinued)


class AdmissionsFold(FlatFold[AdmissionEvent]):
    """The rules of the table ``admissions``; see ``streams.core.state.Fold``."""

    def touches(self, event: AdmissionEvent) -> tuple[str, ...]:
        """Return the queues and, if the event names one, the run."""
        return (
            (QUEUES, run_entity(event.run_id)) if isinstance(event, AdmissionAsked | AdmissionReleased) else (QUEUES,)
        )

    def fold(self, state: State, event: AdmissionEvent, now_ms: int, offset: int) -> list[Command]:
        """Apply one event, then admit what may be admitted.

        Raises ``BadRecord`` for an organisation id that may name another entry.
        """
        if not isinstance(event, _FOR_ALL):
            check_org_id(event.org_id)
        queues = AdmissionQueues(state)
        commands = _RULES[type(event)](state, queues, event, now_ms, offset)
        if not isinstance(event, _FOR_ALL):
            _join_rotation(queues, event.org_id)
        return commands + _admit_while_room(queues, now_ms)

    def outstanding(self, state: State, entity: str, now_ms: int) -> list[Command]:
        """Return the admission of every admitted run that is not over, and the record that continues."""
        if entity != QUEUES:
            return []
        queues = AdmissionQueues(state)
        admitted: list[Command] = [Emit(_admitted(org, name, one)) for org, name, one in queues.admitted()]
        admitted += map(Emit, flow_ends.outstanding(state))
        pool = queues.pool
        return [*admitted, Emit(AdmissionContinued())] if pool.rotation and _has_room(queues) else admitted

    def timer(self, entity: str, field: str, data: bytes) -> tuple[str, int] | None:
        """Return the timer of a key of flow control."""
        return timer_of(field, data) if field.startswith(KEY) else None

    def encode(self, entity: str, field: str, value: Value) -> bytes:
        """Return an entry's stored bytes."""
        return entries.encode(value)

    def decode(self, entity: str, field: str, data: bytes) -> Any:
        """Return what ``encode`` was given."""
        return entries.decode(field, data)


def _ask(state: State, queues: AdmissionQueues, event: AdmissionAsked, now_ms: int, offset: int) -> list[Command]:
    entity, known = run_entity(event.run_id), _known(state, event)
    if event.flow is not None:
        return _ask_with_flow(FlowControl(state, queues, event.org_id, now_ms, offset), state, event, known)
    if known is None:
        name = queue_name(event.workflow_name, _project(event))
        number = queues.append(event.org_id, name, Ticket(event.run_id, now_ms, offset))
        state.put(entity, BEGUN, 1)
        state.put(entity, POSITION, RunPosition(event.org_id, name, number))
        return []
    if known.is_over or known.number >= queues.queue(event.org_id, known.queue).head:
        return []
    ticket = queues.ticket(event.org_id, known.queue, known.number)
    return [] if ticket is None else [Emit(_admitted(event.org_id, known.queue, ticket))]


def _ask_with_flow(
    control: FlowControl, state: State, event: AdmissionAsked, known: RunPosition | None
) -> list[Command]:
    if known is None:
        state.put(run_entity(event.run_id), BEGUN, 1)
        state.put(run_entity(event.run_id), POSITION, RunPosition(event.org_id, event.workflow_name, -1))
        control.ask(event, _project(event))
    elif (run := flow_ends.flow_run(state, event.run_id)) is not None:
        control.ask_again(event.run_id, run)
    return control.commands


def _project(event: AdmissionAsked) -> str:
    return event.project if _PROJECT_ID.fullmatch(event.project) else ""


def _release(
    state: State, queues: AdmissionQueues, event: AdmissionReleased, now_ms: int, offset: int
) -> list[Command]:
    entity, known = run_entity(event.run_id), _known(state, event)
    let: list[Command] = []
    if known is None:
        state.put(entity, BEGUN, 1)
        known = RunPosition(event.org_id, event.workflow_name, -1)
    elif known.is_over:
        return []
    elif (run := flow_ends.flow_run(state, event.run_id)) is not None:
        control = FlowControl(state, queues, event.org_id, now_ms, offset)
        control.release(event.run_id, run)
        let = control.commands
    else:
        queues.leave(event.org_id, known.queue, known.number)
    state.put(entity, POSITION, msgspec.structs.replace(known, is_over=True))
    return [ExpireAt(entity, now_ms + REMEMBERED_MS), *let]


def _flow_due(state: State, queues: AdmissionQueues, event: FlowDue, now_ms: int, offset: int) -> list[Command]:
    control = FlowControl(state, queues, event.org_id, now_ms, offset)
    control.due(event)
    return control.commands


def _known(state: State, event: AdmissionAsked | AdmissionReleased) -> RunPosition | None:
    known = state.get(run_entity(event.run_id), POSITION)
    if known is not None and known.org_id != event.org_id:
        raise BadRecord("org_id", f"run {event.run_id} is of {known.org_id}, and the record says {event.org_id}")
    return known


def _set_limits(state: State, queues: AdmissionQueues, event: LimitsSet, now_ms: int, offset: int) -> list[Command]:  # noqa: ARG001
    if event.version > queues.limits(event.org_id).version:
        limits = Limits(event.version, event.max_running_runs, event.workflows, event.projects)
        queues.limit(event.org_id, limits)
    return []


def _set_pool(state: State, queues: AdmissionQueues, event: PoolSet, now_ms: int, offset: int) -> list[Command]:  # noqa: ARG001
    if event.size != queues.pool.size:
        queues.pool = msgspec.structs.replace(queues.pool, size=event.size)
    return []


def _continue(*_: object) -> list[Command]:
    return []


_RULES: Mapping[type, Callable[[State, AdmissionQueues, Any, int, int], list[Command]]] = {
    AdmissionAsked: _ask,
    AdmissionReleased: _release,
    LimitsSet: _set_limits,
    PoolSet: _set_pool,
    AdmissionContinued: _continue,
    FlowDue: _flow_due,
}


def _join_rotation(queues: AdmissionQueues, org_id: str) -> None:
    """Add an organisation to the rotation, if it has a run to admit and is not in it."""
    if not queues.organisation(org_id).in_rotation and queues.next_of(org_id) is not None:
        queues.rotate(org_id, joins=True)
        queues.pool = msgspec.structs.replace(queues.pool, rotation=(*queues.pool.rotation, org_id))


def _has_room(queues: AdmissionQueues) -> bool:
    pool = queues.pool
    return not pool.size or pool.running < pool.size


def _admit_while_room(queues: AdmissionQueues, now_ms: int) -> list[Command]:
    """Admit runs in rotation while the pool has room."""
    if not queues.pool.rotation or not _has_room(queues):
        return []
    commands: list[Command] = []
    rotation = deque(queues.pool.rotation)
    admitted = 0
    while rotation and _has_room(queues):
        if admitted == MAX_AT_ONCE:
            commands.append(Emit(AdmissionContinued()))
            break
        org_id = rotation.popleft()
        name = queues.next_of(org_id)
        if name is not None:
            ticket = queues.admit(org_id, name)
            commands += (Emit(_admitted(org_id, name, ticket)), _delay(name, now_ms - ticket.asked_ms))
            admitted += 1
        if queues.next_of(org_id) is not None:
            rotation.append(org_id)
        else:
            queues.rotate(org_id, joins=False)
    queues.pool = msgspec.structs.replace(queues.pool, rotation=tuple(rotation))
    return commands


def _admitted(org_id: str, name: str, ticket: Ticket) -> RunAdmitted:
    workflow, _ = parse_queue_name(name)
    return RunAdmitted(run_id=ticket.run_id, org_id=org_id, workflow_name=workflow)


def _delay(name: str, waited_ms: int) -> Observe:
    workflow, _ = parse_queue_name(name)
    return Observe(ADMISSION_DELAY_SECONDS, max(0, waited_ms) / 1000, (("workflow", workflow),))
