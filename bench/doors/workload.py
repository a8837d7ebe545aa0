"""Work on a running system that puts so many records on every topic: runs, acts of administrators, rollouts, scores.

Each record is one that the system itself wrote. Runs ask a model of each tier, one of them by a route that learns and
one under a rollout whose answers are scored; others wait on a queue that nobody serves.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

import orjson

from bench.doors.sends import Doors, structured
from bench.lines import BenchError

ASKING, QUEUED = "recorded_asking", "recorded_queued"
QUEUE = "org/recorded"
LIVE, HAND = "recorded_live", "recorded_hand"
SOURCE = "urn:bench:recorded"
#: Environments of one prompt; a prompt has only so many labels.
ENVIRONMENTS = 40
#: Requests and records that are in flight.
TOGETHER = 32
_TEXT = "Summarise: {{text}}"
_STRUCTURED = (("content-type", b"application/cloudevents+json"),)


async def record(doors: Doors, each: int) -> None:
    """Work until the system must have written ``each`` records of every topic. Raises ``BenchError``."""
    await _defined(doors)
    await _together(
        [
            lambda: _runs(doors, each),
            lambda: _rollouts(doors, each // 2 + 1),
        ]
    )


async def _defined(doors: Doors) -> None:
    for text in (_TEXT, f"{_TEXT} Be brief."):
        await _ask(doors, "POST", "/api/v1/prompts", {"name": LIVE, "template": text, "parameters": _LOCAL})
    live = f"/api/v1/prompts/{LIVE}"
    await _ask(doors, "PUT", f"{live}/labels/production", {"version": 1})
    scorer = {"kind": "regex", "name": "has_words", "options": {"pattern": "[a-z]"}}
    await _ask(doors, "PUT", f"{live}/scoring", {"sample": 1, "scorers": [scorer]})
    # Without an end: it is measured while it runs.
    lasting = {"version": 2, "environment": "production", "steps": [0.5], "least_runs": 100_000, "least_ms": 3_600_000}
    await _ask(doors, "POST", f"{live}/deployments", lasting)
    await _ask(doors, "PUT", "/api/v1/limits", {"max_running_runs": 100_000})
    for workflow in (_asking(), _queued()):
        await doors.register(workflow)


_LOCAL = {"provider": "local", "max_tokens": 20}


def _asking() -> dict[str, Any]:
    def call(name: str, policy: dict[str, Any], **config: Any) -> dict[str, Any]:
        return {"id": name, "type": "llm", "config": config, "policy": policy}

    learns = {"by": "learn", "mean_cost_cents": 0.2, "models": ["local/*"]}
    nodes = [
        call("gold", {"quality": "Gold"}, prompt=_TEXT, provider="local", model="local-gold"),
        call("silver", {"quality": "Silver"}, prompt_ref=f"{LIVE}@production"),
        call("bronze", {"quality": "Bronze", "route": learns}, prompt=_TEXT),
    ]
    return {"name": ASKING, "version": 1, "dag": {"nodes": nodes, "edges": []}}


def _queued() -> dict[str, Any]:
    node = {"id": "far", "type": "function", "config": {"function_name": "elsewhere"}, "queue": QUEUE}
    return {"name": QUEUED, "version": 1, "dag": {"nodes": [node], "edges": []}}


async def _runs(doors: Doors, each: int) -> None:
    async def one(name: str, number: int) -> None:
        data = {"workflow_name": name, "inputs": {"text": f"text {number}"} if name == ASKING else {}}
        id_ = f"{name}-{number}"
        await doors.over_kafka(structured(SOURCE, id_, data), _STRUCTURED, id_.encode())

    await _together([partial(one, name, n) for n in range(each) for name in (ASKING, QUEUED)])


async def _rollouts(doors: Doors, count: int) -> None:
    """Start rollouts and promote them by hand: two decisions each, two moves of a label, acts of an administrator."""
    prompts = [f"{HAND}_{number}" for number in range(-(-count // ENVIRONMENTS))]
    for name in prompts:
        for text in (_TEXT, f"{_TEXT} Be brief."):
            await _ask(doors, "POST", "/api/v1/prompts", {"name": name, "template": text, "parameters": _LOCAL})
    places = [(name, f"env-{number}") for name in prompts for number in range(ENVIRONMENTS)][:count]

    async def one(name: str, environment: str) -> None:
        path = f"/api/v1/prompts/{name}"
        await _ask(doors, "PUT", f"{path}/labels/{environment}", {"version": 1})
        body = {"version": 2, "environment": environment, "mode": "canary"}
        made = await _ask(doors, "POST", f"{path}/deployments", body)
        await _ask(doors, "POST", f"/api/v1/deployments/{made['id']}/promote", None)

    await _together([partial(one, *place) for place in places])


async def _together(work: Iterable[Callable[[], Awaitable[None]]]) -> None:
    places = asyncio.Semaphore(TOGETHER)

    async def placed(one: Callable[[], Awaitable[None]]) -> None:
        async with places:
            await one()

    await asyncio.gather(*map(placed, work))


async def _ask(doors: Doors, method: str, path: str, body: Any) -> Any:
    content = None if body is None else orjson.dumps(body)
    headers = {"Content-Type": "application/json"}
    answer = await doors.asked(method, path, content, headers)
    if answer.is_error:
        raise BenchError(f"{method} {path} was answered with {answer.status_code}: {answer.text[:300]}")
    return answer.json()
