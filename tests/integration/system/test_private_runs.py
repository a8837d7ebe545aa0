"""A run under the pack ``privacy-strict`` on a whole system: tokens everywhere, values for those who may see them."""

import json
from collections.abc import Iterator

import httpx
import pytest

from deploy.local.system import System
from tests.support.client import RUNS, define_prompt, define_workflow, llm, merger, submission, submit, wait_for_run
from tests.support.polling import until
from tests.support.raw_scan import traces_of

MAIL = "quillsworth.vexmoor@zorbatine-mills.org"
POLICY = {
    "name": "private",
    "effects": "allow",
    "extends": ["privacy-strict"],
    "privacy": {"restore": {"readers": [{"id": "admins", "when": "'admin' in reader.permissions"}]}},
}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("private"), durable=False) as started:
        yield started


@pytest.fixture(scope="module")
def flow(client: httpx.Client) -> str:
    made = client.post("/api/v1/policies", json={"document": POLICY})
    made.raise_for_status()
    body = {"version": made.json()["version"], "mode": "enforce"}
    client.post("/api/v1/policies/private/activate", json=body).raise_for_status()
    prompt = define_prompt(client, "Write to {{text}}")
    return define_workflow(
        client,
        merger("first", inputs={"text": "{{text}}"}),
        llm("ask", prompt, model="local-echo", inputs={"text": "first.output"}),
        merger("last", inputs={"answer": "ask.output"}),
        edges="first>ask ask>last",
    )


def test_nothing_has_the_address_but_its_readers_see_it(system: System, client: httpx.Client, flow: str) -> None:
    # Another process may not know of the activation for a second.
    def private() -> str | None:
        run_id = submit(client, submission(flow, {"text": f"the owner, {MAIL}, today"}))
        wait_for_run(client, run_id)
        seen = client.get(f"{RUNS}/{run_id}").json()
        return run_id if seen["status"] == "succeeded" else None

    run_id = until(private, 60.0, "a run under the policy succeeds")
    found = client.get(f"{RUNS}/{run_id}", params={"step_outputs": True}).json()
    assert found["inputs"]["text"] == f"the owner, {MAIL}, today"
    assert MAIL in json.dumps(found["output"])
    by_id = {step["id"]: step for step in found["steps"]}
    assert MAIL in json.dumps(by_id["ask"]["output"])

    key = client.post("/api/v1/keys", json={"name": "reads", "permissions": ["read"]}).json()["key"]
    hidden = client.get(f"{RUNS}/{run_id}", params={"step_outputs": True}, headers={"Authorization": f"Bearer {key}"})
    assert hidden.status_code == 200
    assert "zorbatine" not in hidden.text
    assert "EML_" in hidden.json()["inputs"]["text"]
    # No topic, table, checkpoint, object or log file has it.
    assert traces_of(system.data_dir, ("quillsworth.vexmoor", "zorbatine-mills")) == []


def test_a_secret_is_nowhere(system: System, client: httpx.Client, flow: str) -> None:
    secret = "ghp_" + "Zq7" * 12
    run_id = submit(client, submission(flow, {"text": f"use {secret} for it"}))
    found = wait_for_run(client, run_id)
    assert found["status"] == "succeeded"
    assert secret not in json.dumps(client.get(f"{RUNS}/{run_id}", params={"step_outputs": True}).json())
    assert traces_of(system.data_dir, (secret,)) == []
