"""Plants three organisations on a running system, sends the crossings, and judges what is answered."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from bench.batching.server import KEY
from deploy.local.system import System
from tests.support.batch_service import batch_service
from tests.tenancy.crossing import Crossing, crossings
from tests.tenancy.judge import Judge, leak_of
from tests.tenancy.planted import API, SHARED, Tenant, planted, until

TENANTS = 3
IN_FLIGHT = 8
TIMEOUT_S = 30.0
#: Lists and things of the owner that no request of another may change.
WATCHED = (
    *("workflows", "prompts", "schedules", "budgets", "stops", "limits", "quotas", "keys", "projects", "datasets"),
    *("providers/credentials", "evaluations", "deployments", "prices/overrides", "workflows/runs", "webhooks"),
    "secrets",
    *("providers/facts", "triggers"),
)
_PASSING = frozenset({"last_used_at", "next_runs", "updated_at", "running", "waiting"})


@dataclass
class Played:
    """How many requests were sent, how they were answered, and each leak with its reason."""

    requests: int = 0
    operations: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    leaks: list[str] = field(default_factory=list)


@contextmanager
def stage(home: Path) -> Iterator[System]:
    """Start the whole system, with a stand-in for a provider's batch API, and a key for the page of metrics."""
    with batch_service(lasts_ms=200) as server:
        env = {
            "ANTHROPIC_API_KEY": KEY,
            "ANTHROPIC_BASE_URL": server.url,
            "BATCH_GATHER_S": "0.2",
            "BATCH_POLL_S": "0.1",
            "METRICS_KEY": "the-key-of-the-page-of-metrics",
        }
        with System(home, durable=False, env=env) as system:
            yield system


async def play(system: System, count: int) -> Played:
    """Play so many crossings on a system that serves."""
    tenants = await _tenants(system)
    try:
        await asyncio.gather(*map(planted, tenants))
        played = Played()
        played.leaks += await _shared_answers(tenants)
        before = await _states(tenants)
        document = (await tenants[0].client.get("/openapi.json")).raise_for_status().json()
        every = list(crossings(document, tenants, count))
        played.operations = len({one.operation for one in every})
        judge, turns, acts = Judge(tenants), iter(every), [""] * TENANTS
        await asyncio.gather(*(_send(turns, tenants, judge, played, acts) for _ in range(IN_FLIGHT)))
        played.leaks += await _own_lists(tenants, judge)
        played.leaks += _changed(before, await _states(tenants))
    finally:
        for tenant in tenants:
            await tenant.client.aclose()
    return played


async def _send(
    turns: Iterator[Crossing], tenants: Sequence[Tenant], judge: Judge, played: Played, acts: list[str]
) -> None:
    for one in turns:
        acts[one.asker] += f" {one.said}"
        answer = await _answer(tenants[one.asker].client, one, one.url)
        played.requests += 1
        played.statuses[answer.status_code] += 1
        ask = partial(_answer, tenants[one.asker].client, one)
        if (leak := await leak_of(judge, one, answer, ask, acts[one.asker])) is not None:
            played.leaks.append(f"{one}: {leak}")


async def _answer(client: httpx.AsyncClient, one: Crossing, url: str) -> httpx.Response:
    headers = dict(one.headers) | ({"Content-Type": "application/json"} if one.body else {})
    content = one.body.encode() if one.body else None
    return await client.request(one.method, url, params=list(one.params), headers=headers, content=content)


async def _tenants(system: System) -> list[Tenant]:
    made = []
    with system.client() as platform:
        for _ in range(TENANTS):
            mark = f"zq{uuid.uuid4().hex[:10]}"
            answer = platform.post(f"{API}/organisations", json={"id": f"{mark}-org", "name": mark})
            found = answer.raise_for_status().json()
            headers = {"Authorization": f"Bearer {found['key']['key']}"}
            client = httpx.AsyncClient(base_url=system.api_url, headers=headers, timeout=TIMEOUT_S, trust_env=False)
            made.append(Tenant(mark, found["id"], client))
            made[-1].unmarked |= {found["key"]["id"], found["key"]["key"]}
    return made


async def _shared_answers(tenants: Sequence[Tenant]) -> list[str]:
    """Ask the same of the same model in all organisations: return those that were answered with another's answer."""
    found = []
    for turn, own in enumerate(tenants):
        body = {"workflow_name": SHARED, "inputs": {"word": "the sea"}}
        for cached in (False, True):
            run = await own.post("/workflows/runs", body)
            own.have("run_id", run["id"])
            ended = await until(lambda own=own, id_=run["id"]: _ended(own, id_), "a run has ended")  # type: ignore[misc]
            if ended["steps"][0]["cached"] is not cached:
                found.append(
                    f"organisation {turn}: cached is {not cached} for its {'second' if cached else 'first'} run"
                )
    return found


async def _ended(own: Tenant, run_id: str) -> dict[str, Any] | None:
    answer = await own.client.get(f"{API}/workflows/runs/{run_id}")
    if not answer.is_success:
        return None
    found: dict[str, Any] = answer.json()
    return found if found["status"] in ("succeeded", "failed", "canceled") else None


async def _own_lists(tenants: Sequence[Tenant], judge: Judge) -> list[str]:
    """Read all lists of each organisation without a filter, and one of its streams: they have its own things only."""
    leaks = []
    for turn, own in enumerate(tenants):
        for path in (*WATCHED, "sessions", "users", "tools", "functions", "batches", "cache", "workers", "whoami"):
            answer = await own.client.get(f"{API}/{path}")
            if (found := judge.shown(turn, answer.text, "")) is not None:
                leaks.append(f"GET /{path} of organisation {turn} shows {found}")
        async with own.client.stream("GET", f"{API}/workflows/runs/{own.values['run_id'][0]}/events") as answer:
            text = "".join([part async for part in answer.aiter_text()])
        if own.mark not in text or judge.shown(turn, text, "") is not None:
            leaks.append(f"the events of organisation {turn} are not its own: {text[:200]}")
    return leaks


async def _states(tenants: Sequence[Tenant]) -> list[dict[str, set[str]]]:
    return [{path: _things((await one.client.get(f"{API}/{path}")).json()) for path in WATCHED} for one in tenants]


def _things(listed: dict[str, Any]) -> set[str]:
    """Return what a list has, as texts; an organisation may add to its own."""
    things = next((value for value in listed.values() if isinstance(value, list)), [listed])
    return {str(_lasting(one)) for one in things}


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _lasting(child) for name, child in value.items() if name not in _PASSING}
    return [_lasting(child) for child in value] if isinstance(value, list) else value


def _changed(before: Sequence[dict[str, set[str]]], after: Sequence[dict[str, set[str]]]) -> list[str]:
    return [
        f"organisation {turn}: requests of others changed {path}"
        for turn, (old, new) in enumerate(zip(before, after, strict=True))
        for path in old
        if not old[path] <= new[path]
    ]
