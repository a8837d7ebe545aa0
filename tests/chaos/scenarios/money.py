"""Runs with a cap of their own: a line of calls that meets it, and calls made at once."""

from tests.chaos.records import Expected
from tests.chaos.scenarios.nodes import ask, workflow
from tests.chaos.scenarios.scenario import Case, Made, Scenario, asked, expect

#: One call is held at some 28,000 nano-dollars and costs some 6,500, so that two of a line pass and the third does not.
CAP_NANO = 35_000
CAP_CENTS = "0.0035"
STEPS = ("one", "two", "three", "four")
WIDE = 16


def _narrow(case: Case) -> Made:
    text, priced, steps = case.text, {}, {}
    for step in STEPS:
        text, priced[step] = asked(text)
        steps[step] = [text]
    found = Expected(
        workflow="chaos_narrow",
        org=case.org,
        statuses=["failed"],
        codes=["run_budget_exceeded"],
        steps=steps,
        priced=priced,
        cap_nano=CAP_NANO,
    )
    return Made({"text": case.text}, found, {"budget_cents": CAP_CENTS})


def _wide(case: Case) -> Made:
    items = [f"Item {i} of number {case.number}" for i in range(WIDE)]
    answers, costs = zip(*map(asked, items), strict=True)
    priced = {f"says[{i}]": cost for i, cost in enumerate(costs)}
    found = expect(
        case,
        "chaos_wide",
        {"says": list(answers)},
        statuses=["succeeded", "failed"],
        codes=["run_budget_exceeded"],
        steps={f"says[{i}]": [answer] for i, answer in enumerate(answers)},
        priced=priced,
        paid=list(priced),
        cap_nano=CAP_NANO,
        in_line=False,
    )
    return Made({"items": items}, found, {"budget_cents": CAP_CENTS})


SCENARIOS = (
    Scenario(
        workflow(
            "chaos_narrow",
            ask("one", "{{text}}"),
            ask("two", "one.output"),
            ask("three", "two.output"),
            ask("four", "three.output"),
        ),
        3,
        _narrow,
    ),
    Scenario(workflow("chaos_wide", ask("says", "{{item}}", parallel=True, items="{{items}}")), 2, _wide),
)
