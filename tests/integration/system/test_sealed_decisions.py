"""What rules decide by is decided before sealing: a run of a data subject goes as the same run without one."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from deploy.local.system import System
from tests.support.client import RUNS, define_prompt, define_workflow, get_run, submission, submit, wait_for_run
from tests.support.client import merger as merges
from tests.support.polling import until
from tests.support.raw_scan import traces_of
from tests.support.runs import loop, signal, switch

MARK = "Thistlewood"
#: In its place in the runs without a subject; as long, since models count.
OTHER = "Unnamedname"
INPUTS = {"name": f"{MARK} the Elder", "score": 7, "limit": 5, "docs": {"list": [f"{MARK} {n}" for n in range(3)]}}


def gives(id_: str, policy: dict[str, Any] | None = None, **config: Any) -> dict[str, Any]:
    """A node that gives its inputs as an object."""
    return merges(id_, policy, **({"function_name": "result_combiner"} | config))


def by_output(client: httpx.Client) -> str:
    first = gives("a", inputs={"score": "{{score}}", "name": "{{name}}"})
    yes = gives("yes", inputs={"name": "a.output.name"}, condition="a.output.score > 5")
    no = gives("no", inputs={"name": "a.output.name"}, condition="a.output.score < 5 || a.output.missing == 1")
    return define_workflow(client, first, yes, no, edges="a>yes a>no")


def by_inputs(client: httpx.Client) -> str:
    yes = gives("yes", inputs={"name": "{{name}}"}, condition="inputs.score > inputs.limit")
    no = gives("no", inputs={"name": "{{name}}"}, condition="inputs.name == 'nobody'")
    return define_workflow(client, yes, no)


def by_switch(client: httpx.Client) -> str:
    fork = switch("fork", ("a.output.score > 9", "high"), ("a.output.score > 5", "middle"), default="low")
    ends = [gives(one, inputs={"name": "a.output.name"}) for one in ("high", "middle", "low")]
    first = gives("a", inputs={"score": "{{score}}", "name": "{{name}}"})
    return define_workflow(client, first, fork, *ends, edges="a>fork fork>high fork>middle fork>low")


def by_map(client: httpx.Client) -> str:
    each = gives("each", parallel=True, items="{{docs.list}}", inputs={"one": "{{item}}", "n": "{{index}}"})
    first = gives("a", inputs={"docs": "{{docs.list}}"})
    again = gives("again", parallel=True, items="a.output.docs", inputs={"one": "{{item}}"})
    whole = gives("whole", inputs={"all": "again.output", "first": "each.output[0]"})
    return define_workflow(client, each, first, again, whole, edges="each>whole a>again again>whole")


def by_loop(client: httpx.Client) -> str:
    draft = gives("draft", inputs={"before": "loop.previous.name", "name": "{{name}}"})
    judge = gives("judge", inputs={"name": "draft.output.name", "n": "loop.iteration"})
    looped = loop("r", draft, judge, edges="draft>judge", until="loop.output.n >= 2")
    after = gives("after", inputs={"last": "r.output.n", "all": "r.outputs"}, condition="r.output.n == 2")
    return define_workflow(client, looped, after, edges="r>after")


def by_agent(client: httpx.Client) -> str:
    prompt = define_prompt(
        client, 'About {{name}}\n@tool s3.fetch {"key": "{{name}}.txt"}\n\n@tool s3.fetch {"key": 1}'
    )
    config = {"prompt_ref": prompt, "tools": ["s3.fetch"], "model": "local-echo", "inputs": {"name": "{{name}}"}}
    after = gives("after", inputs={"said": "who.output"}, condition="size(who.output) > 3")
    return define_workflow(client, {"id": "who", "type": "agent", "config": config}, after, edges="who>after")


def by_child(client: httpx.Client) -> str:
    one = gives("one", inputs={"name": "{{name}}"})
    last = gives("last", inputs={"name": "one.output.name"}, condition="one.output.name != 'x'")
    inner = define_workflow(client, one, last, edges="one>last")
    child = {"id": "child", "type": "workflow", "config": {"workflow": inner, "inputs": {"name": "{{name}}"}}}
    return define_workflow(client, child, gives("after", inputs={"name": "child.output.name"}), edges="child>after")


def by_failure(client: httpx.Client) -> str:
    get = {"id": "get", "type": "tool", "config": {"tool_name": "s3.fetch", "tool_args": {"key": "{{name}}"}}}
    undo = gives("undo", inputs={"found": "a.output.name", "why": "{{run_error_code}}"})
    first = gives("a", inputs={"name": "{{name}}"})
    return define_workflow(client, first, get, undo, edges="a>get", on_failure=["undo"])


def by_chain(client: httpx.Client) -> str:
    nodes = [merges(f"n{k}", inputs={"x": "{{name}}" if k == 0 else f"n{k - 1}.output"}) for k in range(5)]
    return define_workflow(client, *nodes, edges="n0>n1 n1>n2 n2>n3 n3>n4")


FLOWS: dict[str, Callable[[httpx.Client], str]] = {
    one.__name__: one
    for one in (by_output, by_inputs, by_switch, by_map, by_loop, by_agent, by_child, by_failure, by_chain)
}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("decisions"), durable=False) as started:
        yield started


def shape(run: dict[str, Any]) -> dict[str, Any]:
    """What of a run does not depend on its id."""
    steps = {
        step["id"]: (step["status"], step["attempts"], step["output"], (step["error"] or {}).get("message"))
        for step in run["steps"]
    }
    return {"status": run["status"], "output": run["output"], "steps": dict(sorted(steps.items()))}


def inputs_of(client: httpx.Client, flow: str) -> dict[str, Any]:
    """The inputs that a workflow reads; others are refused."""
    found = client.post(RUNS, params={"dry_run": True}, json=submission(flow, INPUTS))
    unread = {one["path"].partition(".")[2] for one in found.json().get("problems", ())}
    return {name: value for name, value in INPUTS.items() if name not in unread}


@pytest.mark.parametrize("name", FLOWS)
def test_a_run_of_a_subject_goes_as_one_without(system: System, client: httpx.Client, name: str) -> None:
    flow = FLOWS[name](client)
    inputs = inputs_of(client, flow)
    plain = json.loads(json.dumps(inputs).replace(MARK, OTHER))
    seen = []
    for body in (submission(flow, inputs) | {"subject": "person-1"}, submission(flow, plain)):
        run = wait_for_run(client, submit(client, body), outputs=True)
        until(lambda run=run: not (get_run(client, run["id"]) or {}).get("compensating"), 60, "it is compensated")
        seen.append(shape(get_run(client, run["id"], outputs=True) or {}))
    sealed, other = seen
    assert MARK in str(sealed)
    assert str(sealed).replace(MARK, OTHER) == str(other)


def test_a_signal_is_sealed_and_decided_on(system: System, client: httpx.Client) -> None:
    waits, after = (
        signal("ok", "answer"),
        gives("yes", inputs={"by": "ok.output.by"}, condition="ok.output.yes == true"),
    )
    flow = define_workflow(client, waits, after, edges="ok>yes")
    run = submit(client, submission(flow) | {"subject": "person-1"})
    until(lambda: (get_run(client, run) or {}).get("status") == "running", 60, "it waits")
    client.post(f"{RUNS}/{run}/signals/answer", json={"yes": True, "by": MARK}).raise_for_status()
    done = wait_for_run(client, run, outputs=True)
    assert done["output"]["yes"] == {"by": MARK}


def test_a_restart_and_a_fork_reuse_sealed_results(system: System, client: httpx.Client) -> None:
    flow = by_output(client)
    first = wait_for_run(client, submit(client, submission(flow, inputs_of(client, flow)) | {"subject": "person-1"}))
    answer = client.post(f"{RUNS}/{first['id']}/fork", json={"inputs": {"score": 3}})
    assert answer.status_code == 202, answer.text
    done = wait_for_run(client, answer.json()["id"], outputs=True)
    assert {step["id"]: step["status"] for step in done["steps"]} == {
        "a": "succeeded",
        "yes": "skipped",
        "no": "succeeded",
    }
    assert done["output"]["no"] == {"name": INPUTS["name"]}
    again = client.post(f"{RUNS}/{first['id']}/restart", json={"from": "yes"})
    assert again.status_code == 202, again.text
    assert wait_for_run(client, again.json()["id"])["output"]["yes"] == {"name": INPUTS["name"]}


@pytest.mark.parametrize(
    ("nodes", "edges", "said"),
    [
        (
            [gives("a", inputs={"x": "{{name}}"}), gives("b", condition="a.output.x == inputs.name")],
            "a>b",
            "inputs together with outputs",
        ),
        (
            [gives("a"), gives("b"), gives("c", condition="a.output.name == b.output.name")],
            "a>c b>c",
            "several values",
        ),
        ([gives("a", inputs={"x": "Dear {{name}}, hello"})], "", "inside of a text"),
        ([{"id": "a", "type": "wait", "config": {"until": "{{name}}"}}], "", "a time that is sealed"),
    ],
)
def test_what_cannot_be_decided_is_refused_with_the_fix(
    system: System, client: httpx.Client, nodes: list[dict[str, Any]], edges: str, said: str
) -> None:
    flow = define_workflow(client, *nodes, edges=edges)
    answer = client.post(RUNS, json=submission(flow, {"name": MARK}) | {"subject": "person-1"})
    assert answer.status_code == 422
    assert said in answer.text


@pytest.mark.parametrize("clear", [{"tags": {"who": "person-1"}}, {"end_user": "Person-1"}, {"session": "x-person-1"}])
def test_the_id_of_the_person_is_refused_where_it_would_be_in_clear(
    system: System, client: httpx.Client, clear: dict[str, Any]
) -> None:
    flow = define_workflow(client, gives("a", inputs={"x": "{{name}}"}))
    answer = client.post(RUNS, json=submission(flow, {"name": MARK}) | {"subject": "person-1"} | clear)
    assert answer.status_code == 422
    assert "subject's id" in answer.text


def test_nothing_of_all_this_is_in_clear(system: System, client: httpx.Client) -> None:
    assert traces_of(system.data_dir, (MARK, "person-1")) == []
