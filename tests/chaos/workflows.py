"""What is run: four workflows of three steps, one that runs one of them, and the budgets and limits over them."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import httpx

from deploy.local.system import ORG
from schemas.ids import HTTP_SOURCE, run_id

Json = dict[str, Any]
TOPIC_SOURCE = "urn:agentflow:chaos"
MODEL_NAME = "local-echo"
PROMPT = {"name": "chaos_prompt", "version": 1, "template": "Say something short about {{.text}}"}
#: The model may be suspended for longer than one attempt waits, so that attempts time out; and then there is time.
ASK_POLICY = {"timeout_ms": 6_000, "retries": {"max_attempts": 30, "initial_ms": 200, "max_ms": 3_000}}
TOOL_POLICY = {"timeout_ms": 20_000, "retries": {"max_attempts": 10, "initial_ms": 200, "max_ms": 3_000}}
#: What the workflow ``chaos_capped`` may spend altogether: a few calls, so that most of its runs are refused.
CAP_NANO = 400_000
#: Far over what can be spent: each call takes a hold on it, none is refused.
PLENTY_USD = "1000"


def _split(id_: str) -> Json:
    return {
        "id": id_,
        "type": "function",
        "config": {"function_name": "text_splitter", "function_args": {"chunk_size": 200}},
    }


def _merge(id_: str, **inputs: str) -> Json:
    config = {"function_name": "result_merger", "function_args": {"strategy": "concat"}, "inputs": inputs}
    return {"id": id_, "type": "function", "config": config}


def _ask(id_: str, text: str) -> Json:
    config = {"prompt_ref": "chaos_prompt@1", "inputs": {"text": text}, "model": MODEL_NAME, "max_tokens": 64}
    return {"id": id_, "type": "llm", "config": config, "policy": ASK_POLICY}


def _workflow(name: str, *nodes: Json) -> Json:
    ids = [node["id"] for node in nodes]
    edges = [{"from": a, "to": b} for a, b in pairwise(ids)]
    return {"name": name, "version": 1, "dag": {"nodes": list(nodes), "edges": edges}}


_TALK = (_split("split"), _ask("ask", "split.output"), _merge("merge", one="split.output", two="ask.output"))
_FETCH = {
    "id": "fetch",
    "type": "tool",
    "config": {"tool_name": "s3.fetch", "tool_args": {"key": "gettysburg.txt"}},
    "policy": TOOL_POLICY,
}
WORKFLOWS: Mapping[str, Json] = {
    "chaos_talk": _workflow("chaos_talk", *_TALK),
    "chaos_fetch": _workflow("chaos_fetch", _FETCH, _ask("ask", "fetch.output"), _merge("merge", one="ask.output")),
    "chaos_pure": _workflow(
        "chaos_pure", _split("split"), _merge("first", one="split.output"), _merge("second", one="first.output")
    ),
    "chaos_capped": _workflow("chaos_capped", *_TALK),
    "chaos_family": _workflow(
        "chaos_family",
        {
            "id": "talks",
            "type": "workflow",
            "config": {
                "workflow": "chaos_talk",
                "inputs": {"text": "{{item}}"},
                "parallel": True,
                "items": ["{{text}}", "Another text. It is short."],
            },
        },
        _merge("merge", one="talks.output"),
    ),
}
CAPPED = "chaos_capped"
#: So many run at once; of the others of the 150 or 300 in flight some always stand in line.
MAX_RUNNING = 200
MAX_OF_WORKFLOW: Mapping[str, int] = {"chaos_pure": 5, "chaos_fetch": 12}
#: Out of a hundred runs.
SHARES: Mapping[str, int] = {"chaos_talk": 55, "chaos_fetch": 15, "chaos_pure": 20, "chaos_family": 5, CAPPED: 5}
#: Out of a hundred runs, over the submissions topic instead of HTTP.
OVER_TOPIC = 30


@dataclass(frozen=True, slots=True)
class Submission:
    """One run to be submitted. ``id`` with its way names the run, however often it is sent."""

    id: str
    over_topic: bool
    structured: bool
    body: Json

    @property
    def run_id(self) -> str:
        """The run's id, known before anybody was asked."""
        return run_id(ORG, TOPIC_SOURCE if self.over_topic else HTTP_SOURCE, self.id)


def submission(seed: int, number: int) -> Submission:
    """Return the run of this number; a seed's runs are the same every time."""
    chance = random.Random(f"run:{seed}:{number}")
    name = chance.choices(list(SHARES), list(SHARES.values()))[0]
    over_topic, structured = chance.random() * 100 < OVER_TOPIC, chance.random() < 0.5
    body = {"workflow_name": name, "inputs": {"text": f"Text number {number}. It has two sentences."}}
    if name == "chaos_fetch":
        body["inputs"] = {}
    return Submission(f"chaos-{seed}-{number}", over_topic, structured, body)


def is_limited(seed: int) -> bool:
    """Return whether runs have to wait for their turn: with every other seed, since where some do all do."""
    return seed % 2 == 1


def register(client: httpx.Client, *, limited: bool) -> None:
    """Register prompt, workflows, budgets and, for a seed that has them, limits. Raises ``httpx.HTTPError``."""
    client.post("/api/v1/prompts", json=PROMPT).raise_for_status()
    for workflow in WORKFLOWS.values():
        client.post("/api/v1/workflows", json=workflow).raise_for_status()
    plenty = {"name": "plenty", "scope": "org", "period": "month", "limit_usd": PLENTY_USD}
    cap = {"name": "cap", "scope": "workflow", "target": CAPPED, "period": "total", "limit_usd": f"{CAP_NANO / 1e9}"}
    for budget in (plenty, cap):
        client.post("/api/v1/budgets", json=budget).raise_for_status()
    if not limited:
        return
    limits = {"max_running_runs": MAX_RUNNING, "workflows": dict(MAX_OF_WORKFLOW)}
    client.put("/api/v1/limits", json=limits).raise_for_status()
