"""A map of a thousand children, end to end: outputs gathered in order, counts in the run, children read by page."""

import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest

from deploy.local.system import System
from tests.support.client import RUNS, define_workflow, fetch, merger, run, submission, submit, wait_for_run
from tests.support.crashes import crash_system

WIDTH = 1_000
#: Together over what travels in a request, and over one page of gathering.
ITEMS = [f"{number:04} " + "x" * 450 for number in range(WIDTH)]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with crash_system(tmp_path_factory.mktemp("wide"), latency_ms=5) as (system, _):
        yield system


def test_a_thousand_children(client: httpx.Client) -> None:
    each = merger("each", parallel=True, items=ITEMS, max_parallel=150, inputs={"text": "{{item}}"})
    flow = define_workflow(client, each, merger("take", inputs={"all": "each.output"}), edges="each>take")
    run_id = submit(client, submission(flow))
    ended = wait_for_run(client, run_id, 90.0)
    assert ended["status"] == "succeeded", ended["error"]
    output = ended["output"]["take"]
    assert output["length"] == WIDTH
    assert output["sha256"] == hashlib.sha256(orjson.dumps(ITEMS)).hexdigest()

    children = ended["by_id"]["each"]["children"]
    assert (children["total"], children["succeeded"], children["running"]) == (WIDTH, WIDTH, 0)
    shown = [step["id"] for step in ended["steps"] if step["id"].startswith("each[")]
    assert sorted(shown) == sorted(f"each[{number}]" for number in range(100))
    assert {"each/gather", "each/gather[0]", "each/gather[1]"} <= ended["by_id"].keys()

    listed = pages(client, ended["links"]["steps"], node="each", status="succeeded", limit=300, outputs=True)
    found = [step for step in listed if step["id"].startswith("each[")]
    assert [step["id"] for step in found] == [f"each[{number}]" for number in range(WIDTH)]
    assert [step["output"] for step in found] == ITEMS
    assert pages(client, ended["links"]["steps"], node="each", status="failed") == []
    everything = pages(client, ended["links"]["steps"], limit=1_000)
    assert {step["id"] for step in everything} - {step["id"] for step in listed} == {"take"}


def test_a_map_over_a_list_among_the_inputs_that_is_stored(client: httpx.Client) -> None:
    rows = [{"id": number, "text": "y" * 2_000} for number in range(WIDTH)]
    each = merger("each", parallel=True, items="{{rows}}", max_parallel=150, inputs={"item": "{{item.id}}"})
    first = merger("first", inputs={"row": "{{rows.7}}", "said": "{{name}} said"}, condition="inputs.name == 'Ann'")
    flow = define_workflow(client, each, first)
    run_id = submit(client, submission(flow, {"rows": rows, "name": "Ann"}))
    ended = wait_for_run(client, run_id, 90.0)
    assert ended["status"] == "succeeded", ended["error"]
    assert ended["output"] == {"each": list(range(WIDTH)), "first": rows[7]}
    assert ended["inputs"]["rows"]["length"] == WIDTH
    assert ended["inputs"]["name"] == "Ann"


def test_what_failed_children_leave(client: httpx.Client) -> None:
    keys = ["gettysburg.txt", "nowhere.txt", "gettysburg.txt"]
    outputs = {}
    for how in ("skip", "collect"):
        each = fetch("each", "{{item}}")
        each["config"] |= {"parallel": True, "items": keys, "on_child_error": how}
        flow = define_workflow(client, each, merger("take", inputs={"all": "each.output"}), edges="each>take")
        ended = run(client, submission(flow))
        assert ended["status"] == "succeeded", ended["error"]
        assert (ended["by_id"]["each"]["children"]["failed"], ended["by_id"]["each[1]"]["status"]) == (1, "failed")
        outputs[how] = ended["output"]["take"]
    text = outputs["skip"][0]
    assert outputs["skip"] == [text, text]
    assert [outputs["collect"][0], outputs["collect"][2]] == [text, text]
    assert outputs["collect"][1]["error"].keys() == {"code", "message"}


def test_a_deadline_that_passes(client: httpx.Client) -> None:
    wait = {"id": "pause", "type": "wait", "config": {"duration_ms": 60_000}}
    flow = define_workflow(client, wait)
    ended = run(client, submission(flow, deadline_ms=300))
    assert (ended["status"], ended["error"]["code"]) == ("failed", "deadline_exceeded")


def test_pages_say_what_is_wrong(client: httpx.Client) -> None:
    assert client.get(f"{RUNS}/no-such-run/steps").status_code == 404
    flow = define_workflow(client, merger("only", inputs={"one": "1"}))
    ended = run(client, submission(flow))
    answer = client.get(ended["links"]["steps"], params={"cursor": "bad"})
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (422, "query.cursor")


def pages(client: httpx.Client, path: str, **params: Any) -> list[dict[str, Any]]:
    """Return the steps of all pages."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        answer = client.get(path, params=params | ({} if cursor is None else {"cursor": cursor}))
        answer.raise_for_status()
        page = answer.json()
        assert len(page["steps"]) <= params.get("limit", 100)
        found += page["steps"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
