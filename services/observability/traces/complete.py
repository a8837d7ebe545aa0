"""Whether a trace is complete: every span once, in one tree, with a span for every step and every nano-dollar. No I/O.

What a run did is known from its views and settlements, which say nothing of spans (``facts_of``). Against them the
records of ``trace-spans`` are held (``problems_of``):

=================  ===================================================================================================
problem            means
=================  ===================================================================================================
``no_root``        the run has ended and its own span is not there
``doubled``        two records have a span with the same id, and neither only stands in for the other
``orphan``         the parent of a span is not there
``wrong_parent``   a step is not below its map, agent, loop or run, an attempt not below its step, a call not below it
``no_step``        a step that was requested has no span
``no_attempt``     an attempt that a worker reported has no span
``cost``           a call's span costs something else than its settlement, or one of the two is not there
``tokens``         a call's span has other tokens than its settlement
``hash``           a step's output has another hash than the span of the attempt that made it
``time``           a span ends before it begins
=================  ===================================================================================================
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from schemas.ids import span_id, trace_id
from schemas.payload import Inline
from schemas.records.hashes import value_hash
from schemas.records.money import CostEvent
from schemas.records.run_views import RunView, StepView
from schemas.records.spans import UNREPORTED, Span, TraceSpans
from schemas.run_states import TERMINAL_RUN, TERMINAL_STEP
from schemas.step_tree import parent_span

ProblemKind = Literal[
    "no_root",
    "doubled",
    "orphan",
    "wrong_parent",
    "no_step",
    "no_attempt",
    "cost",
    "tokens",
    "hash",
    "time",
]
CALL = "agentflow.call.id"
#: Kinds of nodes whose attempts workers make.
_WORK = frozenset({"llm", "tool", "function"})


class Problem(NamedTuple):
    """What is wrong with the trace of a run, and where."""

    kind: ProblemKind
    run_id: str
    where: str


@dataclass(slots=True)
class RunFacts:
    """What a run did, as its views and settlements say. ``steps`` are the newest views, ``costs`` are by call."""

    run_id: str
    ended: bool = False
    steps: dict[str, StepView] = field(default_factory=dict)
    costs: dict[str, CostEvent] = field(default_factory=dict)


def facts_of(records: Iterable[object]) -> dict[str, RunFacts]:
    """Return the facts of every run, from its views and settlements in the order of their logs."""
    found: dict[str, RunFacts] = {}
    for record in records:
        if isinstance(record, RunView):
            facts = found.setdefault(record.run_id, RunFacts(record.run_id))
            facts.ended = facts.ended or record.status in TERMINAL_RUN
            facts.steps |= {step.step_id: step for step in record.steps}
        elif isinstance(record, CostEvent) and record.run_id:
            facts = found.setdefault(record.run_id, RunFacts(record.run_id))
            known = facts.costs.get(record.call_id)
            if known is None or known.kind == "presumed":
                facts.costs[record.call_id] = record
    return found


def problems_of(facts: RunFacts, records: Iterable[TraceSpans]) -> list[Problem]:
    """Return all that is wrong with a run's trace, given its records of spans in the order of their log."""
    trace = _Trace(facts.run_id)
    for record in records:
        if record.trace_id == trace_id(facts.run_id):
            trace.take(record)
    return [Problem(kind, facts.run_id, where) for kind, where in trace.problems(facts)]


Found = tuple[ProblemKind, str]


class _Trace:
    """The spans of one trace by id. Of two the last counts, and before that a worker's own."""

    def __init__(self, run_id: str) -> None:
        self._run = run_id
        self._spans: dict[str, Span] = {}
        self._records: dict[str, str] = {}
        self._hashes: dict[str, set[str]] = {}
        self._doubled: list[str] = []

    def take(self, record: TraceSpans) -> None:
        within = set[str]()
        for span in record.spans:
            before = self._spans.get(span.span_id)
            other = before is not None and self._records[span.span_id] != record.record_id
            if span.span_id in within or (other and not (_stands_in(before) or _stands_in(span))):
                self._doubled.append(f"{span.name} {span.step_id}")
            within.add(span.span_id)
            if before is not None and _stands_in(span) and not _stands_in(before):
                continue
            self._spans[span.span_id] = span
            # An attempt that lost its claim may have been made twice: one of its outputs is the recorded one.
            self._hashes.setdefault(span.span_id, set()).add(span.output_hash)
            self._records[span.span_id] = record.record_id

    def problems(self, facts: RunFacts) -> Iterator[Found]:
        yield from (("doubled", where) for where in self._doubled)
        if facts.ended and span_id(self._run) not in self._spans:
            yield "no_root", self._run
        for span in self._spans.values():
            yield from self._in_place(span)
        if facts.ended:
            yield from self._steps(facts.steps)
            yield from self._costs(facts.costs)

    def _in_place(self, span: Span) -> Iterator[Found]:
        where = f"{span.name} {span.step_id}"
        if span.end_ns < span.start_ns:
            yield "time", where
        if span.type == "external":
            return
        wanted = _parent(self._run, span)
        if span.parent_span_id != wanted:
            yield "wrong_parent", where
        elif wanted is not None and wanted not in self._spans:
            yield "orphan", where

    def _steps(self, steps: Mapping[str, StepView]) -> Iterator[Found]:
        for step in steps.values():
            if (
                step.requested_at_ms is not None
                and step.state in TERMINAL_STEP
                and span_id(self._run, step.step_id) not in self._spans
            ):
                yield "no_step", step.step_id
            if step.kind in _WORK and step.children is None and step.started_at_ms is not None:
                yield from self._attempts(step)

    def _attempts(self, step: StepView) -> Iterator[Found]:
        found = [self._spans.get(span_id(self._run, step.step_id, n)) for n in range(1, step.attempt + 1)]
        yield from (("no_attempt", f"{step.step_id} {n}") for n, span in enumerate(found, 1) if span is None)
        last = found[-1] if found else None
        if last is None or step.state != "succeeded" or not isinstance(step.output, Inline):
            return
        if value_hash(step.output.value) not in self._hashes[last.span_id]:
            yield "hash", step.step_id

    def _costs(self, costs: Mapping[str, CostEvent]) -> Iterator[Found]:
        calls = {str(span.attributes[CALL]): span for span in self._spans.values() if CALL in span.attributes}
        for call, cost in costs.items():
            span = calls.get(call)
            if span is None:
                if cost.amount_nano:
                    yield "cost", call
            elif span.cost_nano != cost.amount_nano:
                yield "cost", call
            elif (span.input_tokens, span.output_tokens) != (cost.usage.input_tokens, cost.usage.output_tokens):
                yield "tokens", call
        for span in self._spans.values():
            if span.cost_nano and span.attributes.get(CALL) not in costs:
                yield "cost", str(span.attributes.get(CALL, f"{span.name} {span.step_id}"))


def _stands_in(span: Span | None) -> bool:
    return span is not None and UNREPORTED in span.attributes


def _parent(run: str, span: Span) -> str | None:
    """Return the parent that a span must have, by its type."""
    match span.type:
        case "run":
            return None
        case "step" | "map" | "agent" | "timer" | "signal" | "child_run":
            return parent_span(run, span.step_id)
        case "attempt":
            return span_id(run, span.step_id)
    return span_id(run, span.step_id, span.attempt)
