"""Nodes and workflows as documents."""

from itertools import pairwise
from typing import Any

Json = dict[str, Any]

MODEL_NAME = "local-echo"
PROMPT = {"name": "chaos_prompt", "version": 1, "template": "Say something short about {{.text}}"}
#: The model may be suspended for longer than one attempt waits, so that attempts time out; and then there is time.
PATIENT = {"timeout_ms": 6_000, "retries": {"max_attempts": 30, "initial_ms": 200, "max_ms": 3_000}}
#: The model alone, so that answer and price are known; what its calls lead to is learned.
LEARN = PATIENT | {"route": {"by": "learn", "models": [f"local/{MODEL_NAME}"]}}
ROUTES: Json = {
    "version": "chaos",
    "models": [
        {
            "provider": "local",
            "model": MODEL_NAME,
            "quality": 0.7,
            "source": "declared: the model of chaos",
            "context_tokens": 1_000_000,
            "latency_ms": 200,
        }
    ],
}
TOOL_POLICY = {"timeout_ms": 20_000, "retries": {"max_attempts": 10, "initial_ms": 200, "max_ms": 3_000}}
MAX_TOKENS = 64


def split(id_: str, **fields: Any) -> Json:
    """A function that gives its text in pieces; one piece, of up to 200 characters."""
    config = {"function_name": "text_splitter", "function_args": {"chunk_size": 200}} | fields
    return {"id": id_, "type": "function", "config": config}


def merge(id_: str, **inputs: str) -> Json:
    """A function that puts its inputs in a row."""
    config = {"function_name": "result_merger", "function_args": {"strategy": "concat"}, "inputs": inputs}
    return {"id": id_, "type": "function", "config": config}


def combine(id_: str, **inputs: str) -> Json:
    """A function that gives its inputs by name."""
    return {"id": id_, "type": "function", "config": {"function_name": "result_combiner", "inputs": inputs}}


def ask(id_: str, text: str, policy: Json = PATIENT, **more: Any) -> Json:
    """A paid call of the model about a text."""
    config = {"prompt_ref": "chaos_prompt@1", "inputs": {"text": text}, "model": MODEL_NAME, "max_tokens": MAX_TOKENS}
    return {"id": id_, "type": "llm", "config": config | more, "policy": policy}


def ask_learned(id_: str, text: str) -> Json:
    """A paid call of the model about a text, whose route is chosen and learned."""
    config = {"prompt_ref": "chaos_prompt@1", "inputs": {"text": text}, "max_tokens": MAX_TOKENS}
    return {"id": id_, "type": "llm", "config": config, "policy": LEARN}


def fetch(id_: str, key: str, **policy: Any) -> Json:
    """A tool that reads a document."""
    config = {"tool_name": "s3.fetch", "tool_args": {"key": key}}
    return {"id": id_, "type": "tool", "config": config, "policy": TOOL_POLICY | policy}


def node(id_: str, kind: str, join: str | None = None, **config: Any) -> Json:
    """A node of any kind."""
    return {"id": id_, "type": kind, "config": config} | ({} if join is None else {"join": join})


def workflow(name: str, *nodes: Json, edges: str | None = None, **dag: Any) -> Json:
    """A workflow; edges as ``"a>b b>c"``, without them one node after another."""
    ids = [one["id"] for one in nodes]
    pairs = [tuple(edge.split(">")) for edge in edges.split()] if edges is not None else list(pairwise(ids))
    graph = {"nodes": list(nodes), "edges": [{"from": a, "to": b} for a, b in pairs]} | dag
    return {"name": name, "version": 1, "dag": graph}
