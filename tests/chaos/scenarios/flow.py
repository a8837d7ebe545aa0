"""Joins, switches, conditions and maps."""

from typing import Any

from tests.chaos.scenarios.answers import ANY_TEXT
from tests.chaos.scenarios.nodes import ask, combine, fetch, merge, node, split, workflow
from tests.chaos.scenarios.scenario import Case, Made, Scenario, asked, expect

MISSING = "no-such-document.txt"


def _joins(case: Case) -> Made:
    text = case.text
    early = ({"a": text, "b": None}, {"a": None, "b": text})
    last = {"bad": None, "skipped": None, "good": text}
    outputs = tuple({"any": one, "done": last} for one in early)
    steps: dict[str, list[Any]] = {"a": [text], "b": [text], "any": list(early), "done": [last]}
    return Made({"text": text}, expect(case, "chaos_joins", outputs, steps=steps, waits={"pause": 150}))


def _choice(case: Case) -> Made:
    n = case.chance.randrange(100)
    chosen = "high" if n >= 66 else "middle" if n >= 33 else "low"
    case_ = 0 if n >= 66 else 1 if n >= 33 else "default"
    end = {"high": None, "middle": None, "low": None} | {chosen: case.text}
    extra = end if n > 50 else None
    steps = {
        "route": [{"case": case_, "to": [chosen]}],
        chosen: [case.text],
        "end": [end],
        "last": [{"end": end, "extra": extra}],
    }
    output = {"last": {"end": end, "extra": extra}}
    return Made({"n": n, "text": case.text}, expect(case, "chaos_choice", output, steps=steps))


def _map(case: Case) -> Made:
    texts = [f"Item {i} of number {case.number}" for i in range(4)]
    mixed: list[Any] = [*texts[:2], case.number, texts[3]]
    answers, costs = zip(*map(asked, texts), strict=True)
    error = {"error": {"code": "bad_arguments", "message": ANY_TEXT}}
    splits = [error if isinstance(one, int) else [one] for one in mixed]
    priced = {f"says[{i}]": cost for i, cost in enumerate(costs)}
    steps = {f"says[{i}]": [answer] for i, answer in enumerate(answers)}
    output = {"end": {"splits": splits, "says": list(answers)}}
    found = expect(case, "chaos_map", output, steps=steps, priced=priced, paid=list(priced))
    return Made({"texts": texts, "mixed": mixed}, found)


_JOINS = workflow(
    "chaos_joins",
    merge("a", text="{{text}}"),
    node("pause", "wait", duration_ms=150),
    merge("b", text="{{text}}"),
    combine("any", a="a.output", b="b.output") | {"join": "any"},
    fetch("shaky", MISSING, optional=True),
    merge("never", a="a.output", bad="shaky.output") | {"join": "all"},
    combine("done", bad="shaky.output", skipped="never.output", good="a.output") | {"join": "all_done"},
    edges="pause>b a>any b>any a>never shaky>never a>done shaky>done never>done",
)
_CHOICE = workflow(
    "chaos_choice",
    node(
        "route",
        "switch",
        cases=[{"when": "inputs.n >= 66", "to": "high"}, {"when": "inputs.n >= 33", "to": "middle"}],
        default="low",
    ),
    merge("high", text="{{text}}"),
    merge("middle", text="{{text}}"),
    merge("low", text="{{text}}"),
    combine("end", high="high.output", middle="middle.output", low="low.output"),
    node(
        "extra",
        "function",
        function_name="result_merger",
        inputs={"end": "end.output"},
        condition="inputs.n > 50",
    ),
    combine("last", end="end.output", extra="extra.output") | {"join": "all_done"},
    edges="route>high route>middle route>low high>end middle>end low>end end>extra end>last extra>last",
)
_MAP = workflow(
    "chaos_map",
    split("splits", inputs={"text": "{{item}}"}, parallel=True, items="{{mixed}}", on_child_error="collect"),
    ask("says", "{{item}}", parallel=True, items="{{texts}}", max_parallel=2),
    combine("end", splits="splits.output", says="says.output"),
    edges="splits>end says>end",
)

SCENARIOS = (Scenario(_JOINS, 6, _joins), Scenario(_CHOICE, 5, _choice), Scenario(_MAP, 5, _map))
