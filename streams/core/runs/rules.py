"""Every event of a run, and what it does: one table, ``(event, situation) -> rule``.

``fold`` looks up the kind of the event, asks for the situation, and applies the rule of that row. Two situations come
first, and are the same for all events but a submission: there is no such run (or it is so long over that only its end
is known), and the event names another organisation than the run's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.records.run_events import (
    CallSettled,
    CancelRequested,
    ChildFinished,
    RunAdmitted,
    SignalReceived,
    StepDeferred,
    StepFailed,
    StepSucceeded,
    TimerFired,
)
from streams.core.commands import Command
from streams.core.runs.events import admitted, costs, external, results, submitted
from streams.core.runs.events.costs import CallIs
from streams.core.runs.events.external import ChildIs, RunIs, SignalIs, TimerIs
from streams.core.runs.events.results import AttemptIs, GivenBackIs
from streams.core.runs.events.submitted import Submission, SubmissionIs
from streams.core.runs.state.changes import RunChanges, late
from streams.core.runs.state.reader import RunReader

Rule = Callable[[RunChanges, Any], None]


@dataclass(frozen=True, slots=True)
class EventRules:
    """The rows of one kind of event.

    ``situations`` is a ``Literal`` of all that ``situation`` may return, ``rows`` has a rule for each. ``of_unknown``
    says what is to be done where there is no run. ``checks_org``: it must name the run's own organisation.
    """

    situations: Any
    situation: Callable[[RunReader, Any], str]
    rows: Mapping[str, Rule]
    of_unknown: Callable[[Any], Command] = lambda _: late("unknown_run")
    checks_org: bool = True


def ignore(reason: str) -> Rule:
    """Return the rule of an event that changes nothing: it is counted as late, with this reason."""
    said = late(reason)

    def ignored(run: RunChanges, _event: Any) -> None:
        run.commands.append(said)

    return ignored


def nothing(run: RunChanges, event: Any) -> None:
    """Do nothing, and count nothing: the event comes twice in the normal course of things."""


#: What a submission does. A new run is to be closed as after any event; else these commands are all.
SUBMITTED: Mapping[SubmissionIs, Callable[[Submission], RunChanges | list[Command]]] = {
    "new": submitted.submit,
    "repeated": submitted.repeated,
    "conflict": submitted.conflict,
}

_OUTCOME: Mapping[str, Rule] = {
    "never_asked": results.never_asked,
    "made_of_others": results.made_of_others,
    "unsettled": results.paid_late,
    "settled": results.settled_late,
}

RULES: Mapping[type, EventRules] = {
    RunAdmitted: EventRules(
        RunIs,
        external.run_is,
        {"queued": admitted.start_admitted, "running": nothing, "over": admitted.admitted_late},
        of_unknown=admitted.give_back,
    ),
    StepSucceeded: EventRules(AttemptIs, results.attempt_is, {**_OUTCOME, "open": results.succeeded}),
    StepFailed: EventRules(AttemptIs, results.attempt_is, {**_OUTCOME, "open": results.failed}),
    StepDeferred: EventRules(
        GivenBackIs, results.given_back_is, {"open": results.deferred, "not_open": results.deferred_late}
    ),
    # The engine makes timers and knows no organisation.
    TimerFired: EventRules(
        TimerIs,
        external.timer_is,
        {"deadline": external.deadline, "armed": external.step_timer, "disarmed": ignore("timer")},
        checks_org=False,
    ),
    CancelRequested: EventRules(
        RunIs,
        external.run_is,
        {"queued": external.cancel_run, "running": external.cancel_run, "over": ignore("finished_run")},
    ),
    SignalReceived: EventRules(
        SignalIs,
        external.signal_is,
        {
            "awaited": external.signal,
            "answer": external.answer,
            "early": external.early_signal,
            "one_too_many": external.signal_too_many,
            "repeated": ignore("repeated_signal"),
            "unknown": ignore("unknown_signal"),
            "too_late": ignore("finished_run"),
        },
    ),
    ChildFinished: EventRules(
        ChildIs,
        external.child_is,
        {
            "awaited": external.child,
            "unsettled": external.child_paid_late,
            "settled": external.child_late,
            "not_ours": ignore("unknown_step"),
        },
    ),
    CallSettled: EventRules(CallIs, costs.call_is, {"of_step": costs.settle_step, "of_run": costs.settle_run}),
}
