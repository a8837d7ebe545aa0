"""Evidence made wrong on purpose, each way once: a judge that does not notice is no judge.

A tamper takes the evidence of a session in which every promise held, changes one thing of one run, call or table, and
says which judge must name which subject. ``None`` where the session has nothing to change.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from tests.chaos.evidence import Evidence
from tests.chaos.records import Event, Money


@dataclass(frozen=True, slots=True)
class Tampered:
    """Evidence with one thing wrong: ``judge`` must name ``subject``."""

    judge: str
    subject: str
    evidence: Evidence


Tamper = Callable[[Evidence], Tampered | None]
TAMPERS: dict[str, Tamper] = {}


def tamper(name: str) -> Callable[[Tamper], Tamper]:
    """Register a way to tamper, under what it does."""

    def register(function: Tamper) -> Tamper:
        TAMPERS[name] = function
        return function

    return register


def ended_run(evidence: Evidence, workflow: str = "", status: str = "succeeded") -> str | None:
    """Return a run that a client submitted, of a workflow and with an end."""
    for run in evidence.accepted:
        seen = evidence.runs[run]
        if seen.status == status and workflow in ("", seen.workflow):
            return run
    return None


def with_run(evidence: Evidence, run: str, **changes: Any) -> Evidence:
    return replace(evidence, runs=evidence.runs | {run: replace(evidence.runs[run], **changes)})


def with_step(evidence: Evidence, run: str, step: str, **changes: Any) -> Evidence:
    steps = evidence.runs[run].steps
    return with_run(evidence, run, steps=steps | {step: replace(steps[step], **changes)})


def with_event(evidence: Evidence, old: Event, **changes: Any) -> Evidence:
    return replace(evidence, events=[replace(e, **changes) if e is old else e for e in evidence.events])


def with_money(evidence: Evidence, old: Money, **changes: Any) -> Evidence:
    return replace(evidence, money=[replace(m, **changes) if m is old else m for m in evidence.money])


def without(rows: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in rows.items() if key != name}


def first_event(events: Iterable[Event], kind: str, **wanted: Any) -> Event | None:
    fits = (e for e in events if e.kind == kind and all(getattr(e, name) == one for name, one in wanted.items()))
    return next(fits, None)


def name_of(event: Event) -> str:
    return f"{event.run}:{event.step}:{event.attempt}"


def priced_outcome(evidence: Evidence) -> Event | None:
    """Return a counted outcome with one answered call."""
    for outcomes in evidence.counted.values():
        for event in outcomes:
            if event.kind == "succeeded" and len(event.calls) == 1 and event.cost:
                return event
    return None
