"""What clients are told in the end: by the API about runs and places, and by the provider about calls."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import httpx

from tests.chaos.records import Expected, RunRow
from tests.chaos.scenarios.answers import shown
from tests.support.client import RUNS

CONNECTIONS = 8
#: Runs that the API is asked about, as many of each workflow as of any other.
MOST_READ = 300
#: Runs that are asked for with another organisation's key.
STRANGERS = 10


def sample(expected: Mapping[str, Expected], accepted: Sequence[str], most: int = MOST_READ) -> list[str]:
    """Return runs of every workflow, evenly."""
    by_workflow: dict[str, list[str]] = defaultdict(list)
    for run in accepted:
        by_workflow[expected[run].workflow].append(run)
    each = max(1, most // max(1, len(by_workflow)))
    return [run for runs in by_workflow.values() for run in runs[:: max(1, len(runs) // each)][:each]]


async def read_runs(
    clients: Mapping[str, httpx.AsyncClient], expected: Mapping[str, Expected], runs: Iterable[str]
) -> dict[str, RunRow]:
    """Return runs as the API shows them to their own organisations."""
    turns = asyncio.Semaphore(CONNECTIONS)

    async def one(run: str) -> tuple[str, RunRow]:
        org = expected[run].org
        async with turns:
            answer = await clients[org].get(f"{RUNS}/{run}")
        return run, _row(org, answer)

    return dict(await asyncio.gather(*map(one, runs)))


def _row(org: str, answer: httpx.Response) -> RunRow:
    if answer.status_code != 200:
        return RunRow(org=org, status=f"HTTP {answer.status_code}", cost=0)
    found = answer.json()
    output = found["output"]
    return RunRow(
        org=org,
        status=found["status"],
        cost=_nano(found["cost_usd"]),
        children_nano=_nano(found.get("children_cost_usd") or "0"),
        output=None if output is None else {name: shown(value) for name, value in output.items()},
        code=found["error"]["code"] if found.get("error") else "",
    )


def _nano(usd: str) -> int:
    return int(Decimal(usd) * 10**9)


async def read_as_strangers(
    clients: Mapping[str, httpx.AsyncClient], expected: Mapping[str, Expected], runs: Sequence[str]
) -> list[str]:
    """Return the runs that were shown to an organisation that they are not of."""
    shown_: list[str] = []
    for run in runs[:: max(1, len(runs) // STRANGERS)]:
        other = next(client for org, client in clients.items() if org != expected[run].org)
        # 503: Redis lost its markers, and history is not yet known to have every run.
        if (await other.get(f"{RUNS}/{run}")).status_code not in (404, 503):
            shown_.append(run)
    return shown_


async def read_places(clients: Mapping[str, httpx.AsyncClient]) -> dict[str, list[int]]:
    """Return how many runs of each organisation have a place and how many wait for one."""
    found: dict[str, list[int]] = {}
    for org, client in clients.items():
        answer = (await client.get("/api/v1/limits")).json()
        found[org] = [answer.get("running") or 0, answer.get("waiting") or 0]
    return found


async def read_provider(url: str) -> tuple[dict[str, int], dict[str, list[tuple[int, int]]]]:
    """Return the provider's calls by idempotency key, and the tokens of each answer that it made."""
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as model:
        calls: dict[str, int] = (await model.get("/calls")).json()["by_key"]
        billed: dict[str, Any] = (await model.get("/billed")).json()["by_key"]
    return calls, {key: [(given, made) for given, made in answers] for key, answers in billed.items()}
