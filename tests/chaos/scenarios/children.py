"""Runs that start runs: awaited, at once, left to themselves, and canceled with their parent."""

from tests.chaos.records import Expected
from tests.chaos.scenarios.answers import ANY_TEXT
from tests.chaos.scenarios.calls import talk
from tests.chaos.scenarios.nodes import merge, node, workflow
from tests.chaos.scenarios.scenario import Action, Case, Made, Scenario, expect

OTHER = "Another text. It is short."


def _family(case: Case) -> Made:
    children = [talk(case, "chaos_talk", text) for text in (case.text, OTHER)]
    values = [child.outputs[0]["merge"] for child in children]
    steps = {f"talks[{i}]": [value] for i, value in enumerate(values)} | {"merge": [values]}
    found = expect(
        case,
        "chaos_family",
        {"merge": values},
        steps=steps,
        children={f"talks[{i}]": child for i, child in enumerate(children)},
    )
    return Made({"text": case.text}, found)


def _errand(case: Case) -> Made:
    sent = {"run_id": ANY_TEXT}
    found = expect(
        case,
        "chaos_errand",
        {"end": [sent]},
        steps={"send": [sent]},
        children={"send": talk(case, "chaos_talk", case.text)},
    )
    return Made({"text": case.text}, found)


def _guardian(case: Case) -> Made:
    child = Expected(workflow="chaos_idle", org=case.org, statuses=["canceled"], steps={"first": [[case.text]]})
    found = Expected(workflow="chaos_guardian", org=case.org, statuses=["canceled"], children={"idle": child})
    return Made({"text": case.text}, found, actions=(Action("cancel", case.chance.uniform(0, 2.5)),))


_INPUTS = {"text": "{{text}}"}
SCENARIOS = (
    Scenario(
        workflow(
            "chaos_family",
            node(
                "talks",
                "workflow",
                workflow="chaos_talk",
                inputs={"text": "{{item}}"},
                parallel=True,
                items=["{{text}}", OTHER],
            ),
            merge("merge", one="talks.output"),
        ),
        4,
        _family,
    ),
    Scenario(
        workflow(
            "chaos_errand",
            node("send", "workflow", workflow="chaos_talk", inputs=_INPUTS, detach=True),
            merge("end", one="send.output"),
        ),
        3,
        _errand,
    ),
    Scenario(workflow("chaos_guardian", node("idle", "workflow", workflow="chaos_idle", inputs=_INPUTS)), 3, _guardian),
)
