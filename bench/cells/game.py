"""The game: an organisation moves under load, the processes that move it are killed, and both cells are compared."""

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from bench.cells.afterwards import cleaned, late_events_lost, records_of, some_runs
from bench.cells.client import RUNS, Submitter
from bench.cells.letters import lost, put_aside, retry_all, without_run
from bench.cells.two import Cells, two_cells
from bench.lines import BenchError
from connectors.clickhouse.client import ClickHouse
from connectors.http.clients import blocking_local_client
from connectors.postgres.cells.tables import STAYS
from connectors.redis.client import connect
from connectors.redis.readers.organisation_money import OrganisationMoney
from deploy.local.engines.progress import Progress
from deploy.local.system import System
from schemas.run_states import TERMINAL_RUN

ORG, WORKFLOW = "acme", "greet"
ENDS_WITHIN_S = 120.0
MOVE_WITHIN_S = 300
LOOK_S = 0.2
MOVES = f"/api/v1/organisations/{ORG}/moves"
#: States in which the process that moves is killed, in the full game.
KILLED_IN = ("draining", "drained", "copying", "switching")


@dataclass
class Played:
    """What came out. Rows are named by table."""

    accepted: int = 0
    answers: dict[int, int] = field(default_factory=dict)
    lost_rows: dict[str, int] = field(default_factory=dict)
    doubled: int = 0
    not_once: list[str] = field(default_factory=list)
    ledger_off_nano: int = 0
    spent_off_nano: int = 0
    spent_nano: int = 0
    kills: int = 0
    copies: int = 0
    move_s: float = 0.0
    late_lost: int = 0
    letters_lost: int = 0
    letters_not_retried: int = 0
    replays: int = 0
    replays_lost: list[str] = field(default_factory=list)
    removed: int = 0
    remains: int = 0


def play(folder: Path, runs: int, kills: bool, say: Progress) -> Played:
    """Play it. Raises ``BenchError`` where it cannot be played."""
    with two_cells(folder, say) as cells:
        key = _organisation(cells.east)
        played = Played()
        for _ in range(runs // 10):
            _submit_ten(cells, key)
        with Submitter((cells.east.api_url, cells.west.api_url), key, WORKFLOW) as client:
            say("cells: a move is aborted, and everything is back")
            _abort(cells)
            aside = asyncio.run(put_aside(cells.east, ORG))
            with _client(cells.east, key) as here:
                records = records_of(here, some_runs(here))
            rows = asyncio.run(_rows(cells.east))
            say("cells: the organisation moves under load")
            began = time.monotonic()
            last = _moved(cells, played, kills)
            played.move_s = time.monotonic() - began
            played.copies = last["copies"]
            accepted_then = len(client.accepted)
            _until("submissions are accepted in the other cell", lambda: len(client.accepted) > accepted_then + 20)
        played.accepted, played.answers = len(client.accepted), dict(client.answers)
        asyncio.run(_judge(cells, client, rows, played))
        played.letters_lost = asyncio.run(lost(cells.west, ORG, aside))
        say("cells: dead letters are retried, events come to the old cell, and it is cleaned")
        _afterwards(cells, key, aside, records, played)
        return played


def _afterwards(cells: Cells, key: str, aside: set[bytes], records: dict[str, str], played: Played) -> None:
    """Use what travelled, clean the old cell, and see that nothing of the organisation went with that."""
    with _client(cells.west, key) as there:
        retry_all(cells.west, ORG, there)
        played.letters_not_retried = asyncio.run(without_run(cells.west, ORG, len(aside)))
        played.late_lost = asyncio.run(late_events_lost(cells.east, ORG))
        rows = asyncio.run(_rows(cells.west))
        with _client(cells.east, key) as moved:
            played.removed, played.remains = cleaned(cells.east, ORG, moved)
        after = asyncio.run(_rows(cells.west))
        played.remains += sum(count - after.get(name, 0) for name, count in rows.items() if after.get(name, 0) < count)
        given, played.replays = records_of(there, list(records)), len(records)
        played.replays_lost = [run for run, text in records.items() if text != given[run] or not _has_records(text)]


def _has_records(page: str) -> bool:
    return bool(json.loads(page).get("records"))


def _organisation(east: System) -> str:
    with east.client() as admin:
        key = str(_ok(admin.post("/api/v1/organisations", json={"id": ORG}))["key"]["key"])
    with _client(east, key) as client:
        _ok(client.post("/api/v1/prompts", json={"name": "p", "template": "Say {{ text }}"}))
        node = {
            "id": "ask",
            "type": "llm",
            "config": {"prompt_ref": "p@1", "provider": "local", "model": "local-silver"},
        }
        _ok(
            client.post(
                "/api/v1/workflows", json={"name": WORKFLOW, "version": 1, "dag": {"nodes": [node], "edges": []}}
            )
        )
        for period in ("hour", "total"):
            limit = {"name": period, "scope": "org", "period": period, "limit_usd": "1000"}
            _ok(client.post("/api/v1/budgets", json=limit))
    return key


def _submit_ten(cells: Cells, key: str) -> None:
    with _client(cells.east, key) as client:
        for number in range(10):
            _ok(client.post(RUNS, json={"workflow_name": WORKFLOW, "inputs": {"text": f"early {number}"}}))


def _abort(cells: Cells) -> None:
    """Begin a move and abort it: the organisation is here again. Raises ``BenchError`` when it is not."""
    with cells.east.client() as admin:
        _ok(admin.post(MOVES, json={"to": "west"}))
        _until("the move drains", lambda: _ok(admin.get(MOVES))["state"] != "planned")
        _ok(admin.post(f"{MOVES}/abort"))
        _until("the move is aborted", lambda: _ok(admin.get(MOVES))["ended_at"] is not None)
        if (state := _ok(admin.get(MOVES))["state"]) != "aborted":
            raise BenchError(f"a move that was to be aborted is {state}")


def _moved(cells: Cells, played: Played, kills: bool) -> dict[str, Any]:
    with cells.east.client() as admin:
        _ok(admin.post(MOVES, json={"to": "west", "wait_s": MOVE_WITHIN_S}))
    left = list(KILLED_IN) if kills else []
    until = time.monotonic() + MOVE_WITHIN_S
    while time.monotonic() < until:
        found = _state(cells.east)
        if found is not None and found["ended_at"] is not None:
            if found["state"] != "switched":
                raise BenchError(f"the move was aborted: {found['problem']}")
            return found
        if found is not None and found["state"] in left:
            left.remove(found["state"])
            _killed(cells.east if found["state"] != "switching" else cells.west)
            played.kills += 1
        time.sleep(LOOK_S / 4)
    raise BenchError(f"the move does not end: {_state(cells.east)}")


def _state(system: System) -> dict[str, Any] | None:
    try:
        with system.client() as admin:
            answer = admin.get(MOVES)
    except httpx.HTTPError:
        return None
    return dict(answer.json()) if answer.status_code == 200 else None


def _killed(system: System) -> None:
    """Kill a cell's API and start it again."""
    system.roles["api"].kill()
    system.roles["api"].launch()


async def _judge(cells: Cells, client: Submitter, rows: dict[str, int], played: Played) -> None:
    there = await _rows(cells.west)
    played.lost_rows = {name: count - there.get(name, 0) for name, count in rows.items() if there.get(name, 0) < count}
    await _ended(cells.west)
    runs = await _fetch(cells.west, "SELECT id, status, cost_nano FROM workflow_run WHERE org_id = $1", ORG)
    ids = Counter(row["id"] for row in runs)
    old = await _fetch(cells.east, "SELECT id, status FROM workflow_run WHERE org_id = $1", ORG)
    played.doubled = sum(count - 1 for count in ids.values()) + len(client.twice)
    wanted = set(client.accepted.values())
    played.not_once = sorted(run for run in wanted if ids[run] != 1)
    played.not_once += sorted(row["id"] for row in old if row["id"] not in ids or row["status"] not in TERMINAL_RUN)
    cost = sum(row["cost_nano"] for row in runs)
    played.ledger_off_nano = await _ledger(cells.west) - cost
    played.spent_nano = await _spent(cells.west)
    played.spent_off_nano = played.spent_nano - cost


async def _ended(system: System) -> None:
    until = time.monotonic() + ENDS_WITHIN_S
    sql = "SELECT count(*) AS open FROM workflow_run WHERE org_id = $1 AND status <> ALL($2::text[])"
    quiet = 0
    while quiet < 10:
        (row,) = await _fetch(system, sql, ORG, sorted(TERMINAL_RUN))
        quiet = quiet + 1 if row["open"] == 0 else 0
        if time.monotonic() > until:
            raise BenchError(f"{row['open']} runs do not end in the other cell")
        await asyncio.sleep(LOOK_S)


async def _rows(system: System) -> dict[str, int]:
    """Return how many rows each table of organisations has of this one."""
    tables = await _fetch(
        system,
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'org_id' "
        "AND table_name <> ALL($1::text[])",
        sorted(STAYS),
    )
    found = {}
    for row in tables:
        (count,) = await _fetch(system, f'SELECT count(*) AS n FROM "{row["table_name"]}" WHERE org_id = $1', ORG)
        found[row["table_name"]] = count["n"]
    return found


async def _fetch(system: System, sql: str, *args: object) -> list[Any]:
    conn = await asyncpg.connect(system.endpoints.postgres_dsn)
    try:
        return list(await conn.fetch(sql, *args))
    finally:
        await conn.close()


async def _ledger(system: System) -> int:
    store = ClickHouse(
        system.endpoints.clickhouse_url, system.endpoints.as_env().get("CLICKHOUSE_DATABASE", "agentflow")
    )
    try:
        return sum(line.amount_nano for line in await store.costs(ORG, limit=1_000_000))
    finally:
        await store.close()


async def _spent(system: System) -> int:
    redis = connect(system.endpoints.redis_url)
    try:
        return int((await OrganisationMoney(redis, system.partitions).fields(ORG)).get("org|total", "0"))
    finally:
        await redis.aclose()


def _client(system: System, key: str) -> httpx.Client:
    return blocking_local_client(system.api_url, {"Authorization": f"Bearer {key}"}, timeout_s=30)


def _ok(answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code >= 300:
        raise BenchError(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:300]}")
    return dict(answer.json())


def _until(what: str, done: Any) -> None:
    until = time.monotonic() + ENDS_WITHIN_S
    while not done():
        if time.monotonic() > until:
            raise BenchError(f"{what}: not within {ENDS_WITHIN_S:.0f} s")
        time.sleep(LOOK_S)
