"""Shadow replays: the recorded calls of models, made again by a run of its own, and their answers compared.

Each call becomes a node of a workflow: the same version of its prompt, with the values that were recorded as inputs of
the run. So calls are retried, held and counted as all others are, under the new run's own budget. Tools are not called,
turns of agents and calls with images are left out, and the recorded run is only read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from agentflow import replay_rules as rules
from agentflow.cli.columns import Column
from agentflow.cli.output import json_text
from agentflow.cli.units import usd

#: Calls that one shadow makes at most; a map may have thousands.
MAX_CALLS = 100
#: Longer texts are compared by their beginnings, since a comparison takes quadratic time.
_COMPARED_CHARS = 4_000
_SHOWN_CHARS = 80
_SAME = ("max_tokens", "temperature", "system", "output_schema", "stop", "seed", "reasoning_effort", "top_p")
_NANO = 1_000_000_000


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json_text(value)


def _short(value: Any) -> str:
    shown = "" if value is None else _text(value)
    return shown if len(shown) <= _SHOWN_CHARS else f"{shown[: _SHOWN_CHARS - 1]}…"


ROWS = (
    Column("STEP", "step_id"),
    Column("SAME", "same"),
    Column("ALIKE", "alike", lambda share: "" if share is None else f"{share:.2f}", right=True),
    Column("RECORDED COST", "recorded_cost_usd", usd, right=True),
    Column("SHADOW COST", "shadow_cost_usd", usd, right=True),
    Column("RECORDED", "recorded", _short),
    Column("SHADOW", "shadow", _short),
    Column("ERROR", "error", wide=True),
)


@dataclass(frozen=True)
class Recorded:
    """A recorded call with its answer. ``cost_nano`` is that of its attempt, in nano-dollars."""

    request: rules.StepRequest
    answer: Any
    cost_nano: int


@dataclass(frozen=True)
class Shadow:
    """What a shadow does. ``calls`` are by the node that makes each again; ``left_out`` counts the others by reason."""

    document: dict[str, Any]
    inputs: dict[str, Any]
    calls: dict[str, Recorded]
    left_out: dict[str, int]

    @property
    def recorded_nano(self) -> int:
        """What the calls cost when they were recorded."""
        return sum(call.cost_nano for call in self.calls.values())


def shadow_of(
    run: str, records: Sequence[rules.Recorded], *, model: str | None = None, limit: int = MAX_CALLS
) -> Shadow:
    """Return the shadow of a run, of its first ``limit`` calls. ``model`` is ``provider/model``, of all of them."""
    found, left_out = _recorded(run, records)
    calls = {f"call_{number}": one for number, one in enumerate(found[:limit], start=1)}
    if len(found) > limit:
        left_out["over the limit"] = len(found) - limit
    nodes = [_node(name, one.request, model) for name, one in calls.items()]
    dag = {"nodes": nodes, "edges": []}
    named = rules.hash_of([run, dag])[:12]
    inputs = {_input(name, arg): value for name, one in calls.items() for arg, value in one.request.args.items()}
    return Shadow({"name": f"shadow_{named}", "version": 1, "dag": dag}, inputs, calls, left_out)


def compared(shadow: Shadow, steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each call: its recorded answer and the shadow's, and how alike they are, from 0 to 1."""
    by_id = {step["id"]: step for step in steps}
    rows = []
    for name, call in shadow.calls.items():
        step = by_id.get(name, {})
        answered, error = step.get("status") == "succeeded", step.get("error") or {}
        answer = step.get("output") if answered else None
        rows.append(
            {
                "step_id": call.request.step_id,
                "same": answered and answer == call.answer,
                "alike": alike(call.answer, answer) if answered else None,
                "recorded": call.answer,
                "shadow": answer,
                "recorded_cost_usd": call.cost_nano / _NANO,
                "shadow_cost_usd": step.get("cost_usd"),
                "error": f"{error['code']}: {error['message']}" if error else None,
            }
        )
    return rows


def alike(one: Any, other: Any) -> float:
    """Return how alike two answers are: of their texts, the share that matches in order (Ratcliff and Obershelp)."""
    first, second = _text(one)[:_COMPARED_CHARS], _text(other)[:_COMPARED_CHARS]
    return SequenceMatcher(None, first, second, autojunk=False).ratio()


def _recorded(run: str, records: Sequence[rules.Recorded]) -> tuple[list[Recorded], dict[str, int]]:
    found: list[Recorded] = []
    left_out: dict[str, int] = {}
    for decided in rules.decided_by(run, records):
        event, request = decided.recorded.event, decided.request
        if request is None or not isinstance(event, rules.StepSucceeded):
            continue
        if reason := _why_not(request, event):
            left_out[reason] = left_out.get(reason, 0) + 1
        elif isinstance(request.work, rules.LlmCall):
            found.append(Recorded(request, rules.value_of(event.output), event.cost_nano))
    return found, left_out


def _why_not(request: rules.StepRequest, event: rules.StepSucceeded) -> str:
    if isinstance(request.work, rules.AgentTurn):
        return "turns of agents"
    if not isinstance(request.work, rules.LlmCall):
        return ""
    if request.work.images:
        return "calls with images"
    return "stored values" if request.links or not isinstance(event.output, rules.Inline) else ""


def _node(name: str, request: rules.StepRequest, model: str | None) -> dict[str, Any]:
    work = request.work
    assert isinstance(work, rules.LlmCall)
    route = dict(zip(("provider", "model"), (model or "").split("/", 1), strict=True)) if model else _pinned(work)
    given = {field: getattr(work, field) for field in _SAME if getattr(work, field) not in (None, "", [])}
    inputs = {arg: f"{{{{{_input(name, arg)}}}}}" for arg in request.args}
    config = {"prompt_ref": f"{work.prompt_name}@{work.prompt_version}", "inputs": inputs, **given, **route}
    policy = {"quality": request.tier, "optional": True, "retries": {"max_attempts": 2}}
    return {"id": name, "type": "llm", "config": config, "policy": policy}


def _pinned(work: rules.LlmCall) -> dict[str, str]:
    return {name: value for name, value in (("provider", work.provider), ("model", work.model)) if value}


def _input(name: str, arg: str) -> str:
    return f"{name}_{arg}"
