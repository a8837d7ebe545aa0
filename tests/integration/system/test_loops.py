"""A loop through the whole system: its steps over HTTP, and a fork that begins with the outputs of its iterations."""

from collections.abc import Iterator

import httpx
import pytest

from deploy.local.system import System
from tests.support.client import RUNS, define_workflow, merger, submission, submit, wait_for_run
from tests.support.runs import loop

DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with System(tmp_path_factory.mktemp("system"), durable=False) as system, system.client() as client:
        yield client


def test_a_fork_begins_with_the_outputs_of_a_loop_and_its_steps_have_urls(client: httpx.Client) -> None:
    combined = {"function_name": "result_combiner"}
    judge = merger("judge", **combined, inputs={"text": "draft.output", "n": "loop.iteration"})
    body = (merger("draft", inputs={"before": "loop.previous.text", "text": "{{text}}"}), judge)
    get = {"id": "get", "type": "tool", "config": {"tool_name": "s3.fetch", "tool_args": {"key": "{{key}}"}}}
    after = merger("z", **combined, inputs={"last": "r.output.n", "all": "r.outputs", "got": "get.output"})
    looped = loop("r", *body, edges="draft>judge", until="loop.output.n >= 2")
    flow = define_workflow(client, looped, get, after, edges="r>get get>z")
    failed = submit(client, submission(flow, {"text": "stars", "key": "not-there.txt"}))
    assert wait_for_run(client, failed, DEADLINE_S)["status"] == "failed"

    steps = client.get(f"{RUNS}/{failed}/steps", params={"node": "judge"}).raise_for_status().json()
    found = next(value for value in steps.values() if isinstance(value, list))
    assert {step["id"] for step in found} == {"r~1/judge", "r~2/judge"}

    inside = client.post(f"{RUNS}/{failed}/restart", json={"from": "judge"})
    assert inside.status_code == 422
    assert "is inside of the loop 'r'" in inside.text

    fork = {"inputs": {"key": "gettysburg.txt"}, "from": "get"}
    again = client.post(f"{RUNS}/{failed}/fork", json=fork).raise_for_status().json()["id"]
    done = wait_for_run(client, again, DEADLINE_S, outputs=True)
    assert done["status"] == "succeeded"
    output = done["output"]["z"]
    assert (output["last"], output["all"]) == (2, [{"text": "stars", "n": 1}, {"text": "stars", "n": 2}])
    assert done["by_id"]["r"]["reused_from"] == failed
