"""Runs whose nodes are chosen, waited for, limited, asked for by a model, or made good."""

from collections.abc import Callable, Mapping
from typing import Any

import yaml

from tests.histories.stage import QUICK, Json, Stage, missing
from tests.support.client import (
    EXAMPLES,
    RUNS,
    define_prompt,
    define_workflow,
    document,
    llm,
    merger,
    register_examples,
    submission,
    submit,
    wait_for_run,
)
from tests.support.runs import loop

_NOTES = """Look {{what}} up, then say what it says.

@tool s3.fetch {"bucket": "user-content", "key": "user-upload-123"}
@tool s3.fetch {"bucket": "user-content", "key": "not-there.txt"}

@tool s3.fetch {"key": "user-content/user-upload-123"}
"""


def conditional_processing(stage: Stage) -> list[str]:
    """The guide's conditions: one run of each branch."""
    register_examples(stage.client)
    image = yaml.safe_load((EXAMPLES / "inputs/conditional_processing.yaml").read_text())[1]["inputs"]
    text = {"document_key": "gettysburg.txt", "content": document("gettysburg.txt")}
    return [run for inputs in (text, image) for run in stage.run("conditional_processing", inputs)]


def joins(stage: Stage) -> list[str]:
    """Every join behind one that succeeded and an optional one that failed; and behind two that failed."""
    ways = [merger(join, inputs={"a": "a.output", "b": "b.output"}) | {"join": join} for join in ("all", "any")]
    ways += [merger("some"), merger("done") | {"join": "all_done"}]
    edges = "a>all b>all a>any b>any a>some b>some all>done some>done"
    failing = missing("b", optional=True)
    runs = stage.run(define_workflow(stage.client, merger("a"), failing, *ways, edges=edges), {"x": 1})
    both = missing("a", optional=True)
    return runs + stage.run(define_workflow(stage.client, both, failing, *ways, edges=edges))


def switches(stage: Stage) -> list[str]:
    """The first case, one with two nodes, the default, and nothing at all."""
    cases: list[Json] = [{"when": "inputs.n >= 8", "to": "b"}, {"when": "inputs.n >= 4", "to": ["c", "d"]}]
    nodes = [merger("a"), *map(merger, "bcd"), merger("z")]
    edges = "a>route route>b route>c route>d b>z c>z d>z"
    runs = []
    for default, numbers in ({"default": "b"}, (9, 5, 1)), ({}, (1,)):
        route = {"id": "route", "type": "switch", "config": {"cases": cases} | default}
        flow = define_workflow(stage.client, *nodes, route, edges=edges)
        runs += [run for number in numbers for run in stage.run(flow, {"n": number})]
    return runs


def maps_with_limits(stage: Stage) -> list[str]:
    """Two children at once; those that fail are left out, or shown; and a map of which all fail."""
    runs = []
    good, bad = "user-content/user-upload-123", "not-there.txt"
    for mode, keys in ("skip", [good, bad, good, good, bad]), ("collect", [good, bad, good]), ("skip", [bad, bad]):
        mapped = missing("get", "{{item}}")
        mapped["config"] |= {"parallel": True, "items": keys, "max_parallel": 2, "on_child_error": mode}
        runs += stage.run(define_workflow(stage.client, mapped, merger("all"), edges="get>all"))
    return runs


def waits_and_signals(stage: Stage) -> list[str]:
    """A timer; signals that come before their step, while it waits, and never, with a default and without one."""
    pause = {"id": "pause", "type": "wait", "config": {"duration_ms": 1_000}}
    edges = "pause>ask ask>veto veto>z"
    flow = define_workflow(
        stage.client, pause, _signal("ask"), _signal("veto", timeout_ms=200, default="none"), merger("z"), edges=edges
    )
    early, late = (submit(stage.client, submission(flow)) for _ in range(2))
    stage.signal(early, "ask", {"approved": True})
    stage.until_waiting(late, "ask")
    stage.signal(late, "ask", {"approved": False})
    for run in (early, late):
        wait_for_run(stage.client, run)
    return [early, late, *stage.run(define_workflow(stage.client, _signal("ask", timeout_ms=200)))]


def agents(stage: Stage) -> list[str]:
    """Two turns that call tools, one of which fails, and the answer; and one that has too few turns."""
    asks: Json = {"prompt_ref": define_prompt(stage.client, _NOTES), "tools": ["s3.fetch"], "model": "local-echo"}
    runs = []
    for more in {}, {"max_turns": 2}:
        agent = {"id": "bot", "type": "agent", "config": asks | more, "policy": QUICK}
        flow = define_workflow(stage.client, agent, merger("after"), edges="bot>after")
        runs += stage.run(flow, {"what": "it"})
    return runs


def compensation(stage: Stage) -> list[str]:
    """What runs after a failure, one of which fails itself, and after a cancel."""
    undo = merger("undo", inputs={"was": "a.output", "why": "{{run_error_code}}"})
    failing = define_workflow(
        *(stage.client, merger("a"), missing("get"), undo, missing("more"), merger("last")),
        edges="a>get undo>more more>last",
        on_failure=["undo"],
    )
    runs = stage.run(failing, {"x": 1})
    stage.until_made_good(runs[0])
    ask = llm("ask", define_prompt(stage.client, "Wait: {{text}}"))
    canceled = define_workflow(stage.client, ask, merger("undo", inputs={"was": "ask.output"}), on_cancel=["undo"])
    with stage.model.behaving(latency_ms=1_500):
        run = submit(stage.client, submission(canceled, {"text": "a"}))
        stage.cancel_in_call(run)
    stage.until_made_good(run)
    return [*runs, run]


def limits(stage: Stage) -> list[str]:
    """A run that is not done in time, and one whose steps take turns by priority."""
    ask = llm("ask", define_prompt(stage.client, "Slow: {{text}}"))
    flow = define_workflow(stage.client, ask, merger("after"), edges="ask>after")
    with stage.model.behaving(latency_ms=1_500):
        runs = stage.run(flow, {"text": "a"}, deadline_ms=500)
        stage.outlast(runs[0])
    nodes = [merger(id_, {"priority": priority}) for id_, priority in (("a", 0), ("b", 5), ("c", 1))]
    return runs + stage.run(define_workflow(stage.client, *nodes, max_parallel=1, deadline_ms=60_000), {"x": 1})


def stored_inputs(stage: Stage) -> list[str]:
    """A map over a list among the inputs that is stored; a condition that cannot read one; a fork with other inputs."""
    rows = [{"n": number, "text": "x" * 700} for number in range(120)]
    few = merger("few", inputs={"item": "{{item.n}}"}, parallel=True, items=["{{rows.0}}", "{{rows.119}}"])
    each = merger("each", inputs={"item": "{{item.n}}"}, parallel=True, items="{{rows}}", max_parallel=40)
    edges = "few>all each>all"
    runs = stage.run(define_workflow(stage.client, few, each, merger("all"), edges=edges), {"rows": rows, "x": 1})
    decided = merger("a", condition="inputs.text == 'x'")
    runs += stage.run(define_workflow(stage.client, decided, merger("b"), edges="a>b"), {"text": "y" * 300_000, "x": 2})
    fork = stage.client.post(f"{RUNS}/{runs[-1]}/fork", json={"inputs": {"text": "x", "more": "z" * 70_000}})
    wait_for_run(stage.client, fork.raise_for_status().json()["id"])
    return [*runs, fork.json()["id"]]


def agents_in_line(stage: Stage) -> list[str]:
    """An agent whose turns and calls wait for places beside a map, and are asked for first."""
    asks: Json = {"prompt_ref": define_prompt(stage.client, _NOTES), "tools": ["s3.fetch"], "model": "local-echo"}
    agent = {"id": "bot", "type": "agent", "config": asks, "policy": QUICK | {"priority": 1}}
    each = merger("each", parallel=True, items=[1, 2, 3])
    flow = define_workflow(stage.client, agent, each, merger("after"), edges="bot>after each>after", max_parallel=1)
    return stage.run(flow, {"what": "it"})


def loops(stage: Stage) -> list[str]:
    """A loop until a condition holds; one while it does; one that is exhausted, fails, or has nothing to do."""
    draft = llm("draft", define_prompt(stage.client, "Try {{number}} on {{text}}: {{before}}"), QUICK)
    draft["config"]["inputs"] = {"number": "loop.iteration", "text": "a.output.text", "before": "loop.previous"}
    both = {"function_name": "result_combiner"}
    judge = merger("judge", **both, inputs={"draft": "draft.output", "number": "loop.iteration"})
    after = merger("z", inputs={"last": "r.output", "all": "r.outputs"}) | {"join": "all_done"}
    edges = "a>r r>z"
    ends: list[Json] = [
        {"until": "loop.output.number >= inputs.enough"},
        {"while": "loop.iteration <= inputs.enough && inputs.enough > 1", "on_exhausted": "last"},
    ]
    runs = []
    for said in ends:
        looped = loop("r", draft, judge, edges="draft>judge", **said)
        flow = define_workflow(stage.client, merger("a", **both), looped, after, edges=edges)
        runs += [run for enough in (1, 2, 9) for run in stage.run(flow, {"text": "stars", "enough": enough})]
    fails = loop("r", missing("get"), merger("side"), until="true", output="side.output", policy={"optional": True})
    return runs + stage.run(define_workflow(stage.client, merger("a"), fails, after, edges=edges), {"text": "x"})


#: By name: what is played.
FLOW_SCENARIOS: Mapping[str, Callable[[Stage], list[str]]] = {
    "conditional_processing": conditional_processing,
    "joins": joins,
    "switches": switches,
    "maps_with_limits": maps_with_limits,
    "waits_and_signals": waits_and_signals,
    "agents": agents,
    "compensation": compensation,
    "limits": limits,
    "stored_inputs": stored_inputs,
    "agents_in_line": agents_in_line,
    "loops": loops,
}


def _signal(name: str, **config: Any) -> Json:
    return {"id": name, "type": "signal", "config": {"name": name} | config}
