"""Traces of recorded runs are complete, and whatever is taken from one, or put into it, is found."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from schemas.records.money import CostEvent
from schemas.records.run_events import CallSettled, StepFailed, StepSucceeded
from schemas.records.spans import Span, TraceSpans
from services.observability.traces.complete import RunFacts, facts_of, problems_of
from streams.core.commands import Emit
from streams.core.memory import MemoryState
from streams.core.runs.fold import RunFold
from tests.histories.history import FOLDER, read
from tests.support.traces import settlements, worker_spans
from topics.catalogue import RUN_EVENTS
from topics.codec import decode

HISTORIES = sorted(FOLDER.glob("*.jsonl"))
Records = list[object]
Change = Callable[[TraceSpans], TraceSpans | None]


def records_of(path: Path) -> Records:
    """Return what the fold emits for a history, with what the workers of its attempts wrote before their outcomes."""
    history, rules, state, now_ms = read(path), RunFold(), MemoryState(), 0
    found: Records = []
    for offset, (at_ms, text) in enumerate(history.records):
        event, now_ms = decode(RUN_EVENTS, text.encode()), max(now_ms, at_ms)
        if isinstance(event, StepSucceeded | StepFailed):
            found += [*settlements(event), worker_spans(event)]
        if isinstance(event, CallSettled):
            found.append(settled(event))
        commands = rules.fold(state, event, now_ms, offset)
        found += [one.record for one in commands if isinstance(one, Emit)]
    return found


def settled(event: CallSettled) -> CostEvent:
    return CostEvent(
        call_id=event.call_id,
        kind=event.kind,
        org_id=event.org_id,
        run_id=event.run_id,
        step_id=event.step_id,
        workflow_name="",
        provider="local",
        model="m",
        amount_nano=event.amount_nano,
        booked_at_ms=1,
        price_version="",
    )


def found_in(records: Records, change: Change | None = None) -> set[str]:
    """Return the kinds of problems of all runs, with each record of spans changed first."""
    spans = [one for one in records if isinstance(one, TraceSpans)]
    if change is not None:
        spans = [changed for one in spans if (changed := change(one)) is not None]
    return {problem.kind for facts in facts_of(records).values() for problem in problems_of(facts, spans)}


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_the_trace_of_a_recorded_run_is_complete(path: Path) -> None:
    records = records_of(path)
    spans = [one for one in records if isinstance(one, TraceSpans)]
    for facts in facts_of(records).values():
        assert problems_of(facts, spans) == []
    assert any(facts.ended for facts in facts_of(records).values())


def each_span(change: Callable[[Span], Span | None]) -> Change:
    def changed(record: TraceSpans) -> TraceSpans:
        spans = [new for span in record.spans if (new := change(span)) is not None]
        return structs.replace(record, spans=spans)

    return changed


def without(*types: str) -> Change:
    return each_span(lambda span: None if span.type in types else span)


def twice(record: TraceSpans) -> TraceSpans:
    return structs.replace(record, spans=[*record.spans, record.spans[0]])


def costing_twice(span: Span) -> Span:
    return structs.replace(span, cost_nano=2 * span.cost_nano) if span.type == "llm_call" else span


PLANTED: dict[str, tuple[Change, str]] = {
    "the root is missing": (without("run"), "no_root"),
    "attempts are orphans": (without("step", "map", "agent", "child_run"), "orphan"),
    "steps have no spans": (without("step"), "no_step"),
    "attempts have no spans": (without("attempt"), "no_attempt"),
    "a span is there twice": (twice, "doubled"),
    "a call costs twice": (each_span(costing_twice), "cost"),
    "a call has no span": (without("llm_call"), "cost"),
    "tokens of nobody": (each_span(lambda span: structs.replace(span, input_tokens=1)), "tokens"),
    "the hash of the inputs": (each_span(lambda span: structs.replace(span, output_hash="0" * 64)), "hash"),
    "attempts are below the run": (
        each_span(lambda span: structs.replace(span, parent_span_id="f" * 16) if span.type == "attempt" else span),
        "wrong_parent",
    ),
    "ends before it begins": (each_span(lambda span: structs.replace(span, end_ns=0)), "time"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(name: str) -> None:
    change, kind = PLANTED[name]
    assert kind in found_in(records_of(FOLDER / "agents.jsonl"), change)


def test_children_of_a_map_that_are_below_the_run_are_found() -> None:
    records = records_of(FOLDER / "map_with_failures.jsonl")

    def flat(span: Span) -> Span:
        is_child = span.type == "step" and span.step_id.endswith("]")
        return structs.replace(span, parent_span_id=root) if is_child else span

    root = next(
        span.span_id for one in records if isinstance(one, TraceSpans) for span in one.spans if span.type == "run"
    )
    assert found_in(records, each_span(flat)) == {"wrong_parent"}


def test_a_record_that_is_there_again_is_no_double() -> None:
    records = records_of(FOLDER / "agents.jsonl")
    assert found_in([*records, *records]) == set()


def test_a_run_that_goes_on_needs_no_root() -> None:
    facts = RunFacts("r")
    assert problems_of(facts, []) == []
    facts.ended = True
    assert [problem.kind for problem in problems_of(facts, [])] == ["no_root"]
