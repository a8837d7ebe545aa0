"""What a run's calls cost: each call once, whatever says it, and however often.

An outcome says what its calls cost; ``CallSettled`` says it for calls that no outcome reports, and once more when
an estimate is corrected. The rules are those of the ledger (``streams.core.budgets.fold``), so that both agree:

    counted      an estimate comes      an actual cost comes
    nothing      count it               count it
    estimate     ignore                 count the difference
    actual       ignore                 ignore

A run that a step waited for reports its cost at its end and when it changes after that: the difference counts, in the
order of its ``version``. An outcome without call ids counts by its attempt, as ``results`` decides.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import structs

from schemas.records.base import Usage, kinds_together
from schemas.records.run_events import CallSettled, ChildFinished, StepFailed, StepSucceeded
from streams.core.runs.state.changes import RunChanges
from streams.core.runs.state.entries import FROM_LEDGER, Booked, Step
from streams.core.runs.state.reader import RunReader

Outcome = StepSucceeded | StepFailed

#: What the call belongs to: a step, or the run alone, which has never asked for that step.
CallIs = Literal["of_step", "of_run"]

_NO_USAGE = Usage()


def calls_of(event: Outcome) -> dict[str, Booked]:
    """Return what an outcome says of each of its calls. The first one bears what is not told apart."""
    if not event.call_ids:
        return {}
    costs = event.call_costs or {event.call_ids[0]: event.cost_nano}
    return {call: Booked(amount, call in event.presumed_calls) for call, amount in costs.items()}


def pay(run: RunChanges, event: Outcome, step: Step) -> Step:
    """Count an outcome of a step that is the first of its attempt; return the step with its cost and usage."""
    amount, booked, usage = event.cost_nano, step.booked, event.usage
    if event.call_ids:
        amount, booked = _book(run, event.step_id, step, calls_of(event))
    run.pay(amount, usage)
    return _paid(step, amount, booked, usage)


def pay_others(run: RunChanges, event: Outcome, step: Step) -> None:
    """Count the calls of an outcome that no other outcome has: its attempt was made twice."""
    amount, booked = _book(run, event.step_id, step, calls_of(event))
    if booked is not step.booked:
        run.pay(amount, event.usage)
        run.change(event.step_id, _paid(step, amount, booked, event.usage))
        run.paid_late = frozenset({event.step_id})


def call_is(run: RunReader, event: CallSettled) -> CallIs:
    """Return whether the call's step has an entry."""
    return "of_run" if run.step(event.step_id) is None else "of_step"


def settle_step(run: RunChanges, event: CallSettled) -> None:
    """Count a settlement for its step."""
    step = run.recorded(event.step_id)
    said = {event.call_id: _settled(event)}
    amount, booked = _book(run, event.step_id, step, said)
    if booked is not step.booked:
        run.pay(amount, _NO_USAGE)
        run.change(event.step_id, step, cost_nano=step.cost_nano + amount, booked=booked)
        run.paid_late = frozenset({event.step_id})


def settle_run(run: RunChanges, event: CallSettled) -> None:
    """Count a settlement for the run alone."""
    _settle_other(run, event.call_id, _settled(event))


def _settled(event: CallSettled) -> Booked:
    return Booked(event.amount_nano, event.kind == "presumed", FROM_LEDGER)


def pay_run(run: RunChanges, event: Outcome) -> None:
    """Count the calls of an outcome that no step can take, for the run alone."""
    for call, said in calls_of(event).items():
        _settle_other(run, call, said)


def _settle_other(run: RunChanges, call_id: str, said: Booked) -> None:
    known = run.other_calls.get(call_id)
    amount, counts = _difference(known, said)
    if counts and (known is not None or amount):
        run.book_other(call_id, said)
        run.pay(amount, _NO_USAGE)


def child_cost(run: RunChanges, event: ChildFinished, step: Step) -> Step:
    """Count what a run that a step waited for has cost until now; return the step, which remembers it."""
    name = f"{event.attempt}"
    known = None if step.booked is None else step.booked.get(name)
    if known is not None and known.version >= event.version:
        return step
    run.children_nano += event.cost_nano - (0 if known is None else known.amount_nano)
    said = Booked(event.cost_nano, version=event.version)
    return run.change(event.step_id, step, booked={**(step.booked or {}), name: said})


def _paid(step: Step, amount_nano: int, booked: dict[str, Booked] | None, usage: Usage) -> Step:
    return structs.replace(
        step,
        cost_nano=step.cost_nano + amount_nano,
        input_tokens=step.input_tokens + usage.input_tokens,
        output_tokens=step.output_tokens + usage.output_tokens,
        kinds=kinds_together(step.kinds, usage.kinds),
        booked=booked,
    )


def _book(run: RunReader, step_id: str, step: Step, said: Mapping[str, Booked]) -> tuple[int, dict[str, Booked] | None]:
    """Return what settlements add to a step's cost, and what is booked of it then: the same object if nothing is.

    A call that cost nothing is not remembered, unless that corrects an estimate.
    """
    booked, total = step.booked, 0
    for call, one in said.items():
        name = _name(run, step_id, call)
        known = _known(run, booked, name, call)
        amount, counts = _difference(known, one)
        if counts and (known is not None or amount):
            booked = {**(booked or {}), name: one}
            total += amount
    return total, booked


def _difference(known: Booked | None, said: Booked) -> tuple[int, bool]:
    """Return what a settlement adds to what is counted of its call, and whether it counts at all."""
    if known is None:
        return said.amount_nano, True
    if known.presumed and not said.presumed:
        return said.amount_nano - known.amount_nano, True
    return 0, False


def _known(run: RunReader, booked: Mapping[str, Booked] | None, name: str, call: str) -> Booked | None:
    found = None if booked is None else booked.get(name)
    return run.other_calls.get(call) if found is None else found


def _name(run: RunReader, step_id: str, call: str) -> str:
    """Return a call's name inside of its step: its id without run and step, which all of them begin with."""
    return call.removeprefix(f"{run.run_id}:{step_id}:")
