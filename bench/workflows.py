"""The workflows of the bench, each as document and as the spec that a submission carries."""

from typing import Any

from schemas.ids import canonical_hash, child_step_id
from schemas.spec.check.workflow import parse_workflow
from schemas.spec.model import PinnedPrompt
from services.workflows.resolver import Plan, make_plan

#: Children of the node that fans out.
FANOUT_WIDTH = 20

_PROMPT = "Say something short about {{.text}}"
PROMPT = PinnedPrompt(name="bench_prompt", version=1, template=_PROMPT, hash=canonical_hash(_PROMPT))
PROMPT_REF = "bench_prompt@1"
#: The input of every run.
INPUTS: dict[str, Any] = {"text": "A short text that passes through three steps unchanged."}


def _workflow(name: str, nodes: list[dict[str, Any]], edges: list[tuple[str, str]]) -> dict[str, Any]:
    pairs = [{"from": source, "to": target} for source, target in edges]
    return {"name": name, "version": 1, "dag": {"nodes": nodes, "edges": pairs}}


def _function(step: str, **config: Any) -> dict[str, Any]:
    return {"id": step, "type": "function", "config": {"function_name": "result_merger"} | config}


def _mapped(width: int) -> dict[str, Any]:
    return _function("each", parallel=True, items=[f"item {number}" for number in range(width)])


#: Three functions in a row.
THREE_STEPS = _workflow(
    "bench_three_steps",
    [_function("first"), _function("second"), _function("third")],
    [("first", "second"), ("second", "third")],
)
#: One function, one that is mapped over items, one that takes all their outputs.
FANOUT = _workflow(
    "bench_fanout",
    [_function("split"), _mapped(FANOUT_WIDTH), _function("join", inputs={"all": "each.output"})],
    [("split", "each"), ("each", "join")],
)
#: One call of a model.
ONE_CALL = _workflow(
    "bench_one_call",
    [{"id": "ask", "type": "llm", "config": {"prompt_ref": PROMPT_REF, "model": "local-echo"}}],
    [],
)
#: Three calls of a model at once: what policies decide about, at the least cost.
THREE_CALLS = _workflow(
    "bench_three_calls",
    [
        {"id": step, "type": "llm", "config": {"prompt_ref": PROMPT_REF, "model": "local-echo"}}
        for step in ("first", "second", "third")
    ],
    [],
)
#: A call of a model, a map, a decision, a timer, and a tool that fails, is retried and is done without.
MIXED = _workflow(
    "bench_mixed",
    [
        {"id": "ask", "type": "llm", "config": {"prompt_ref": PROMPT_REF, "model": "local-echo"}},
        _mapped(3),
        {"id": "decide", "type": "switch", "config": {"cases": [{"when": "true", "to": "pause"}], "default": "pause"}},
        {"id": "pause", "type": "wait", "config": {"duration_ms": 5}},
        {
            "id": "broken",
            "type": "tool",
            "config": {"tool_name": "http.request", "inputs": {"url": "http://forbidden.invalid/"}},
            "policy": {
                "optional": True,
                "retries": {"max_attempts": 2, "initial_ms": 10, "retry_on": ["forbidden_host"]},
            },
        },
        _function("last", inputs={"all": "each.output"}),
    ],
    [
        ("ask", "each"),
        ("each", "decide"),
        ("decide", "pause"),
        ("pause", "broken"),
        ("broken", "last"),
        ("each", "last"),
    ],
)


def pause(duration_ms: int) -> dict[str, Any]:
    """Return a workflow of one timer."""
    return _workflow("bench_pause", [{"id": "pause", "type": "wait", "config": {"duration_ms": duration_ms}}], [])


def mapped(width: int) -> dict[str, Any]:
    """Return a workflow whose first node has this many children, all ready from the start; see ``children``."""
    return _workflow("bench_mapped", [_mapped(width), _function("then")], [("each", "then")])


def map_and_take(width: int) -> dict[str, Any]:
    """Return a workflow that maps a function over so many items, and takes all outputs in one step."""
    take = _function("take", inputs={"all": "each.output"})
    return _workflow("bench_map", [_mapped(width), take], [("each", "take")])


def children(width: int) -> list[str]:
    """Return the step ids of a mapped node's children."""
    return [child_step_id("each", index) for index in range(width)]


def plan_of(document: dict[str, Any]) -> Plan:
    """Return a workflow's plan with the bench's prompt pinned."""
    calls = any(document is one for one in (ONE_CALL, THREE_CALLS, MIXED))
    pinned = {PROMPT_REF: PROMPT} if calls else {}
    return make_plan(parse_workflow(document), pinned)
