"""Says on ``workflow-events.<organisation>`` which runs ended, and which wait for somebody, as CloudEvents.

At least once, in the order of each run: an event has the same id each time, and the log's offset moves after the broker
has acknowledged it. Most views say neither, so the bytes are searched before anything is decoded; and only the fields
that an event needs are decoded then.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from connectors.ports.engine import InRecord, Log, OutRecord
from connectors.recent_ids import RecentIds
from schemas.errors import BadRecord
from schemas.money import usd
from schemas.records.base import MAJOR, CloudEvent, Part
from schemas.records.parents import Parent
from schemas.records.run_notices import (
    Awaited,
    RunCanceled,
    RunFacts,
    RunFailed,
    RunNotice,
    RunSucceeded,
    RunWaiting,
    WaitFacts,
)
from schemas.run_states import RunEnd
from schemas.timestamps import format_time
from streams.process.context import RoleContext
from streams.process.role import RoleApp
from streams.process.spec import Dependency, RoleSpec
from streams.runtime.consumer.transport import Reads
from streams.runtime.routing import to_out
from streams.runtime.sink import SinkAgent, SinkSpec, batch_delay
from topics.catalogue import RUN_VIEWS, WORKFLOW_EVENTS
from topics.codec import decode

SOURCE = "/agentflow/runs"
#: An event is seldom said twice: views of an ended run that only add costs are the usual reason.
REMEMBERED = 50_000
#: Polls are most of what the role costs, and nobody waits for an event within a tenth of a second.
DELAY_MS = 100.0, 250.0

_ENDS: dict[RunEnd, type[RunSucceeded | RunFailed | RunCanceled]] = {
    "succeeded": RunSucceeded,
    "failed": RunFailed,
    "canceled": RunCanceled,
}
_END_OF: dict[str, RunEnd] = {status: status for status in _ENDS}
_WAITS: dict[str, Awaited] = {"signal ": "signal", "approval ": "approval"}
#: No view without any of them says anything here; one with them may say nothing all the same.
_MARKS = (
    *(f'"status":"{status}"'.encode() for status in _ENDS),
    *(f'"waiting_for":"{beginning}'.encode() for beginning in _WAITS),
)


class _Error(Part, frozen=True, kw_only=True):
    code: str
    step_id: str | None = None


class _Step(Part, frozen=True, kw_only=True):
    step_id: str
    attempt: int = 0
    waiting_for: str | None = None
    waiting_until_ms: int | None = None


class _View(Part, frozen=True, kw_only=True):
    """The part of a ``RunView`` that events are made of."""

    v: str
    run_id: str
    org_id: str
    version: int
    workflow_name: str
    workflow_version: int
    status: str
    source: str
    submission_id: str | None = None
    tags: dict[str, str] = {}
    cost_nano: int = 0
    children_nano: int = 0
    error: _Error | None = None
    submitted_at_ms: int
    started_at_ms: int | None = None
    finished_at_ms: int | None = None
    trace_id: str
    parent: Parent | None = None
    steps: list[_Step] = []


_DECODER = msgspec.json.Decoder(_View)


class RunEvents:
    """The sink. Its records are not decoded before."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._said = RecentIds(REMEMBERED)

    async def write(self, items: Sequence[tuple[InRecord, Any]]) -> None:
        """Append the events of a batch. Raises ``Unavailable``, and ``BadRecord`` for a view that is none."""
        events: dict[str, OutRecord] = {}
        for record, _ in items:
            value = record.value or b""
            if any(mark in value for mark in _MARKS):
                events |= {event.id: to_out(event) for event in notices(_view(record), record.timestamp_ms)}
        new = {id_: event for id_, event in events.items() if id_ not in self._said}
        if new:
            await self._log.append(list(new.values()))
            for id_ in new:
                self._said.add(id_)


def notices(view: _View, at_ms: int) -> Iterator[RunNotice]:
    """Yield what a view says: its run's end, or each step that waits for somebody. ``at_ms`` is when it says so."""
    if view.status in _END_OF:
        yield _ended(view, at_ms)
        return
    for step in view.steps:
        for beginning, awaits in _WAITS.items():
            if step.waiting_for is not None and step.waiting_for.startswith(beginning):
                yield _waiting(view, step, awaits, step.waiting_for.removeprefix(beginning), at_ms)


def _view(record: InRecord) -> _View:
    try:
        view = _DECODER.decode(record.value or b"")
    except msgspec.DecodeError as exc:
        decode(record.topic, record.value)  # it says what is wrong, or which version wrote it
        raise BadRecord("schema", str(exc)[:200]) from exc
    if not view.v.startswith(f"{MAJOR}."):
        decode(record.topic, record.value)
    return view


def _ended(view: _View, at_ms: int) -> RunNotice:
    error = view.error
    facts = RunFacts(
        run_id=view.run_id,
        workflow=view.workflow_name,
        workflow_version=view.workflow_version,
        source=view.source,
        submission_id=view.submission_id,
        tags=view.tags,
        parent_run_id=None if view.parent is None else view.parent.run_id,
        trace_id=view.trace_id,
        submitted_at=format_time(view.submitted_at_ms),
        started_at=_time(view.started_at_ms),
        finished_at=_time(view.finished_at_ms),
        cost_usd=usd(view.cost_nano),
        children_cost_usd=usd(view.children_nano),
        error_code=None if error is None else error.code,
        error_step=None if error is None else error.step_id,
    )
    status = _END_OF[view.status]
    return _ENDS[status](**_event(view, status, facts, at_ms if view.finished_at_ms is None else view.finished_at_ms))


def _waiting(view: _View, step: _Step, awaits: Awaited, name: str, at_ms: int) -> RunNotice:
    # A question's id comes before its text, which may quote data of the run.
    name = name.partition(" ")[0]
    facts = WaitFacts(
        run_id=view.run_id,
        workflow=view.workflow_name,
        workflow_version=view.workflow_version,
        tags=view.tags,
        trace_id=view.trace_id,
        step_id=step.step_id,
        awaits=awaits,
        name=name,
        until=_time(step.waiting_until_ms),
    )
    return RunWaiting(**_event(view, f"{step.step_id}/{step.attempt}/{awaits}/{name}", facts, at_ms))


def _event(view: _View, what: str, facts: RunFacts | WaitFacts, at_ms: int) -> dict[str, Any]:
    fields: dict[str, Any] = {name: None for name in CloudEvent.__struct_fields__ if name != "v"}
    return fields | {
        "specversion": "1.0",
        "id": f"{view.run_id}/{what}",
        "source": SOURCE,
        "subject": view.run_id,
        "time": format_time(at_ms),
        "datacontenttype": "application/json",
        "organisation": view.org_id,
        "data": msgspec.to_builtins(facts),
    }


def _time(at_ms: int | None) -> str | None:
    return None if at_ms is None else format_time(at_ms)


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""
    spec = SinkSpec(name=SPEC.name, write=RunEvents(ctx.log).write, gathering=batch_delay(*DELAY_MS))
    return ctx.app(SPEC.name, SinkAgent(spec, ctx.log, ctx.clock), Reads(topics=SPEC.reads))


SPEC = RoleSpec(
    name="events",
    summary="says which runs ended or wait, to other systems",
    build=build,
    reads=(RUN_VIEWS,),
    writes=(WORKFLOW_EVENTS,),
    needs=(Dependency.KAFKA,),
)
