"""The API as a client uses it: define, submit, wait."""

import itertools
import uuid
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.support.polling import until

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
RUNS = "/api/v1/workflows/runs"
ENDED = {"succeeded", "failed", "canceled"}
#: A run takes a second; a machine may stall for several.
RUN_DEADLINE_S = 90.0

Json = dict[str, Any]

_numbers = itertools.count(1)


def unique(prefix: str) -> str:
    """Return a name that no other test has, in this run or an earlier one."""
    return f"{prefix}_{uuid.uuid4().hex[:8]}_{next(_numbers)}"


def register_examples(client: httpx.Client) -> None:
    """Register the guide's prompts and workflows."""
    for path in sorted((EXAMPLES / "prompts").glob("*.yaml")):
        client.post("/api/v1/prompts", json=yaml.safe_load(path.read_text())).raise_for_status()
    for path in sorted((EXAMPLES / "workflows").glob("*.yaml")):
        headers = {"content-type": "application/yaml"}
        client.post("/api/v1/workflows", content=path.read_text(), headers=headers).raise_for_status()


def document(name: str) -> str:
    """Return the text of an example document."""
    return (EXAMPLES / "documents" / name).read_text(encoding="utf-8")


def define_prompt(client: httpx.Client, template: str) -> str:
    """Store a prompt and return the reference to it."""
    answer = client.post("/api/v1/prompts", json={"name": unique("prompt"), "template": template})
    answer.raise_for_status()
    return str(answer.json()["id"])


def define_workflow(client: httpx.Client, *nodes: Json, edges: str = "", **dag_fields: Any) -> str:
    """Register a workflow of these nodes, edges as ``"a>b b>c"``, and other fields of its dag; return its name."""
    name = unique("flow")
    pairs = [edge.split(">") for edge in edges.split()]
    dag = {"nodes": list(nodes), "edges": [{"from": a, "to": b} for a, b in pairs]} | dag_fields
    answer = client.post("/api/v1/workflows", json={"name": name, "version": 1, "dag": dag})
    assert answer.status_code == 201, answer.text
    return name


def llm(id_: str, prompt_ref: str, policy: Json | None = None, **config: Any) -> Json:
    """A node of type llm."""
    return {"id": id_, "type": "llm", "config": {"prompt_ref": prompt_ref} | config, "policy": policy or {}}


def merger(id_: str, policy: Json | None = None, **config: Any) -> Json:
    """A node that calls the function ``result_merger``."""
    fields = {"function_name": "result_merger"} | config
    return {"id": id_, "type": "function", "config": fields, "policy": policy or {}}


def fetch(id_: str, key: str) -> Json:
    """A node that calls the tool ``s3.fetch``."""
    return {"id": id_, "type": "tool", "config": {"tool_name": "s3.fetch", "tool_args": {"key": key}}}


def submission(workflow: str, inputs: Json | None = None, **more: Any) -> Json:
    """The body of a submission."""
    return {"workflow_name": workflow, "inputs": inputs or {}} | more


def submit(client: httpx.Client, body: Json, key: str | None = None) -> str:
    """Submit a run that must be accepted; return its id."""
    answer = client.post(RUNS, json=body, headers={} if key is None else {"Idempotency-Key": key})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def get_run(client: httpx.Client, run_id: str, *, outputs: bool = False) -> Json | None:
    """Return a run, or nothing while it is not known, or while nobody can know it."""
    answer = client.get(f"{RUNS}/{run_id}", params={"step_outputs": outputs})
    if answer.status_code == 404 or (answer.status_code == 503 and answer.json().get("dependency") == "history"):
        return None
    answer.raise_for_status()
    found: Json = answer.json()
    return found


def wait_for_run(
    client: httpx.Client, run_id: str, deadline_s: float = RUN_DEADLINE_S, *, outputs: bool = False
) -> Json:
    """Return a run once it has ended, with its steps by id as ``by_id``."""

    def ended() -> Json | None:
        run = get_run(client, run_id, outputs=outputs)
        return run if run is not None and run["status"] in ENDED else None

    run = until(ended, deadline_s, f"run {run_id} has ended")
    return run | {"by_id": {step["id"]: step for step in run["steps"]}}


def run(client: httpx.Client, body: Json, key: str | None = None) -> Json:
    """Submit a run and wait for its end."""
    return wait_for_run(client, submit(client, body, key))
