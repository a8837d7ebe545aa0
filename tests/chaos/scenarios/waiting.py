"""Runs that wait: for time, for signals, for their cancel, beyond their deadline."""

from typing import Any

from tests.chaos.records import Expected
from tests.chaos.scenarios.answers import ANY_TEXT
from tests.chaos.scenarios.nodes import ask, combine, merge, node, split, workflow
from tests.chaos.scenarios.scenario import Action, Case, Made, Scenario, asked, expect

FOR_EVER_MS = 600_000


def _wait(case: Case) -> Made:
    wait = {"until": ANY_TEXT}
    output = {"end": {"text": case.text, "wait": wait}}
    found = expect(case, "chaos_wait", output, steps={"first": [case.text]}, waits={"pause": 400})
    return Made({"text": case.text}, found)


def _signal(case: Case) -> Made:
    values = [{"number": case.number, "which": which} for which in (1, 2)]
    output = {"end": {"first": values[0], "second": values[1]}}
    found = expect(
        case,
        "chaos_signal",
        output,
        steps={"first": [values[0]], "second": [values[1]]},
        signals={f"go-{case.number}-{i}": value for i, value in enumerate(values)},
    )
    send = [
        Action("signal", case.chance.uniform(0, 1.5), "go", value, f"go-{case.number}-{i}", times=2 - i)
        for i, value in enumerate(values)
    ]
    return Made({}, found, actions=tuple(send))


def _silence(case: Case) -> Made:
    default = {"approved": False}
    found = expect(
        case, "chaos_silence", {"end": [default]}, steps={"hear": [default], "end": [[default]]}, waits={"hear": 300}
    )
    return Made({}, found)


def _unheard(case: Case) -> Made:
    found = Expected(
        workflow="chaos_unheard", org=case.org, statuses=["failed"], codes=["signal_timeout"], waits={"hear": 300}
    )
    return Made({}, found)


def _idle(case: Case) -> Made:
    found = Expected(workflow="chaos_idle", org=case.org, statuses=["canceled"], steps={"first": [[case.text]]})
    return Made({"text": case.text}, found, actions=(_cancel(case),))


def _busy(case: Case) -> Made:
    first, cost = asked(case.text)
    second, more = asked(first)
    output = {"end": f"{first}\n\n{second}"}
    found = expect(
        case,
        "chaos_busy",
        output,
        statuses=["canceled", "succeeded"],
        steps={"one": [first], "two": [second]},
        priced={"one": cost, "two": more},
        paid=["one", "two"],
    )
    return Made({"text": case.text}, found, actions=(_cancel(case),))


def _late(case: Case) -> Made:
    deadline_ms = case.chance.randrange(500, 2_500)
    found = Expected(
        workflow="chaos_late",
        org=case.org,
        statuses=["failed"],
        codes=["deadline_exceeded"],
        deadline_ms=deadline_ms,
    )
    return Made({}, found, {"deadline_ms": deadline_ms})


def _cancel(case: Case) -> Action:
    return Action("cancel", case.chance.uniform(0, 2.5))


def _hear(name: str, **more: Any) -> dict[str, Any]:
    return node("hear", "signal", name=name, timeout_ms=300, **more)


IDLE = workflow("chaos_idle", split("first"), node("pause", "wait", duration_ms=FOR_EVER_MS))
SCENARIOS = (
    Scenario(
        workflow(
            "chaos_wait",
            merge("first", text="{{text}}"),
            node("pause", "wait", duration_ms=400),
            combine("end", text="first.output", wait="pause.output"),
        ),
        4,
        _wait,
    ),
    Scenario(
        workflow(
            "chaos_signal",
            node("first", "signal", name="go"),
            node("second", "signal", name="go"),
            combine("end", first="first.output", second="second.output"),
        ),
        5,
        _signal,
    ),
    Scenario(
        workflow("chaos_silence", _hear("never", default={"approved": False}), merge("end", hear="hear.output")),
        2,
        _silence,
    ),
    Scenario(workflow("chaos_unheard", _hear("never")), 2, _unheard),
    Scenario(IDLE, 4, _idle),
    Scenario(
        workflow(
            "chaos_busy",
            ask("one", "{{text}}"),
            ask("two", "one.output"),
            merge("end", one="one.output", two="two.output"),
        ),
        4,
        _busy,
    ),
    Scenario(workflow("chaos_late", node("pause", "wait", duration_ms=FOR_EVER_MS)), 2, _late),
)
