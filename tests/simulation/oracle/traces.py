"""The traces: a run that has ended has one root, no orphan, each span once, and a span for all that it did and paid.

The spans of runs and steps are in the log, written by the fold. Those of attempts are what a worker's code makes of the
request and the outcome that the log has; no worker of the simulation appends them, since that would be other worlds.
"""

from collections.abc import Iterator
from typing import Any

from msgspec import structs

from schemas.records.money import CostEvent
from schemas.records.run_events import StepFailed, StepSucceeded
from schemas.records.spans import TraceSpans
from schemas.records.steps import StepRequest
from services.calls.ledger import Ledger
from services.observability.traces.complete import RunFacts, facts_of, problems_of
from services.runs.attempts.outcome import Outcome
from services.runs.attempts.spans import spans_record
from tests.simulation.oracle.history import Event, History, Story
from tests.simulation.oracle.money import LATE_MS, LEAVING_MS
from tests.simulation.world.world import World
from tests.support.traces import worker_spans
from topics.catalogue import TRACE_SPANS
from topics.codec import decode

Placed = tuple[int, TraceSpans]


def check(world: World, history: History) -> Iterator[str]:
    """Yield what is wrong with the traces of runs that have ended."""
    written: dict[str, list[Placed]] = {}
    for at, record in _written(world):
        written.setdefault(record.run_id, []).append((at, record))
    requests = {one.request_id: one for _, one in history.requests}
    for story in history.stories.values():
        if story.end is None:
            continue
        facts, late = _facts(history, story)
        placed = [*written.get(story.id, []), *_of_workers(story, facts, requests)]
        ordered = [record for _, record in sorted(placed, key=lambda one: one[0])]
        problems = (one for one in problems_of(facts, ordered) if one.where not in late)
        yield from (f"{story.id}: its trace has {kind} at {where}" for kind, _, where in problems)


def _written(world: World) -> Iterator[Placed]:
    for partition in range(world.partitions):
        records = world.log.slice(TRACE_SPANS, partition, 0, world.log.end(TRACE_SPANS, partition))
        for record in records:
            yield world.log.order[TRACE_SPANS, partition, record.offset], decode(TRACE_SPANS, record.value)


def _facts(history: History, story: Story) -> tuple[RunFacts, set[str]]:
    """Return what a run did, and the calls whose costs may have come when it had left the table."""
    costs = history.ledger.get(story.id, {})
    facts = facts_of([*story.views, *(event.said for events in costs.values() for event in events)])[story.id]
    until_ms = ((story.newest.finished_at_ms if story.newest else None) or 0) + LATE_MS - LEAVING_MS
    return facts, {call for call, events in costs.items() if any(event.ms >= until_ms for event in events)}


def _of_workers(story: Story, facts: RunFacts, requests: dict[str, StepRequest]) -> Iterator[Placed]:
    for event in story.events:
        if isinstance(event.said, StepSucceeded | StepFailed):
            yield event.at, _record(event, facts, requests)


def _record(event: Event, facts: RunFacts, requests: dict[str, StepRequest]) -> TraceSpans:
    """Return the spans of an attempt. Its calls cost what was settled of them, as a worker's ledger has it."""
    said: Any = event.said
    costs = {call: _amount(facts.costs.get(call), said.cost_nano) for call in said.call_ids}
    made = worker_spans(structs.replace(said, call_costs=costs))
    request = requests.get(made.record_id)
    if request is None:
        return made
    failed = isinstance(said, StepFailed)
    outcome = Outcome(
        said.started_at_ms,
        said.finished_at_ms,
        output=None if failed else said.output,
        error=said.error if failed else None,
    )
    return spans_record(request, outcome, Ledger(spans=made.spans[1:]), said.worker_id)


def _amount(cost: CostEvent | None, otherwise: int) -> int:
    return otherwise if cost is None else cost.amount_nano
