"""Answers that records have for the requests of a run that is folded again: its own, and those of healthy runs.

A request of another run is equal when it does the same work with the same arguments; a child run when its workflow and
inputs are the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from schemas.ids import canonical_hash
from schemas.payload import Inline, Reference
from schemas.records.run_events import ChildFinished, RunSubmitted, StepFailed, StepSucceeded
from schemas.records.spec_hooks import from_model
from schemas.records.steps import StepRequest
from streams.core.commands import Command, Emit
from streams.core.replay.records import Recorded, chained
from streams.core.replay.session import Decided, Session

Outcome = StepSucceeded | StepFailed


@dataclass(frozen=True, slots=True)
class Known:
    """The log's answers: ``own`` by step and attempt, with the request; ``equal`` and ``steps`` of healthy runs."""

    own: dict[tuple[str, int], tuple[str, Outcome]] = field(default_factory=dict)
    equal: dict[str, Outcome] = field(default_factory=dict)
    steps: dict[str, StepSucceeded] = field(default_factory=dict)
    children: dict[str, tuple[str, ChildFinished]] = field(default_factory=dict)
    healthy_children: dict[str, tuple[str, ChildFinished]] = field(default_factory=dict)


def known_of(failed: Sequence[Recorded], healthy: Sequence[Sequence[Recorded]]) -> Known:
    """Return the answers that a failed run and healthy runs of the same workflow have."""
    known = Known()
    for request, outcome in _answered(failed):
        known.own[request.step_id, request.attempt] = (key_of(request), outcome)
    known.children.update(_children(failed))
    for records in healthy:
        for request, outcome in _answered(records):
            if isinstance(outcome, StepSucceeded):
                known.equal.setdefault(key_of(request), outcome)
                known.steps.setdefault(request.step_id, outcome)
        for step_id, (key, ended) in _children(records).items():
            if ended.status == "succeeded":
                known.healthy_children.setdefault(step_id, (key, ended))
    return known


def _answered(records: Sequence[Recorded]) -> Iterator[tuple[StepRequest, Outcome]]:
    """Yield the requests of a run with what became of them."""
    for decided in _fold(records):
        event = decided.recorded.event
        if decided.request is not None and isinstance(event, StepSucceeded | StepFailed):
            yield decided.request, event


def _children(records: Sequence[Recorded]) -> dict[str, tuple[str, ChildFinished]]:
    """Return what the runs that steps started were started with, and how they ended."""
    started: dict[str, str] = {}
    found: dict[str, tuple[str, ChildFinished]] = {}
    for decided in _fold(records):
        for child in _submissions(decided.commands):
            if child.parent is not None:
                started[child.parent.step_id] = child_key(child)
        event = decided.recorded.event
        if isinstance(event, ChildFinished) and event.step_id in started:
            found[event.step_id] = (started[event.step_id], event)
    return found


def _submissions(commands: Sequence[Command]) -> Iterator[RunSubmitted]:
    for command in commands:
        if isinstance(command, Emit) and isinstance(command.record, RunSubmitted):
            yield command.record


def _fold(records: Sequence[Recorded]) -> list[Decided]:
    submitted = next((one.event for one in records if isinstance(one.event, RunSubmitted)), None)
    if submitted is None:
        return []
    return Session(submitted.run_id, chain_steps=chained(records)).run(records)


def key_of(request: StepRequest) -> str:
    """Return what a request is for, in any run: its work, its arguments, and the contents of those stored."""
    links = [[link.at, _content(link.payload), link.path] for link in request.links]
    return canonical_hash([msgspec.to_builtins(request.work, enc_hook=from_model), request.args, links])


def child_key(child: RunSubmitted) -> str:
    """Return what a step starts a run with."""
    stored = {name: reference.sha256 for name, reference in child.stored_inputs.items()}
    return canonical_hash([child.workflow_name, child.spec.hash, child.inputs, stored])


def _content(payload: Inline | Reference) -> Any:
    return payload.value if isinstance(payload, Inline) else payload.sha256
