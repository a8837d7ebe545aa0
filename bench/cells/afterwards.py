"""After a move: late events, records of runs that the old cell's log has, and the removal of what stayed there."""

import asyncio
import time

import httpx

from bench.cells.letters import event, letters, produced
from bench.lines import BenchError
from deploy.local.system import System
from streams.roles.moved_events import ORG_MOVED

EVENTS, WORKFLOW = 20, "greet"
LOOK_S = 0.2
REPLAYED = 10
PUT_ASIDE_WITHIN_S = 60.0
CLEAN_WITHIN_S = 120.0
REQUEST_S = 60.0


async def late_events_lost(east: System, org_id: str) -> int:
    """Produce events to the topic of an organisation that left; return how many were not put aside as they are."""
    bodies = {event(WORKFLOW, number) for number in range(EVENTS)}
    await produced(east, org_id, bodies)
    until = time.monotonic() + PUT_ASIDE_WITHIN_S
    while True:
        found = (await letters(east, org_id, ORG_MOVED)).keys()
        if bodies <= found or time.monotonic() > until:
            return len(bodies - found)
        await asyncio.sleep(LOOK_S)


def records_of(client: httpx.Client, runs: list[str]) -> dict[str, str]:
    """Return what is answered for the records of runs, by run: those of which a client replays it."""
    return {run: client.get(f"/api/v1/traces/{run}/records").text for run in runs}


def some_runs(client: httpx.Client) -> list[str]:
    """Return some runs of an organisation that succeeded."""
    found = client.get("/api/v1/workflows/runs", params={"status": "succeeded", "limit": REPLAYED}).json()["runs"]
    return [one["id"] for one in found]


def cleaned(east: System, org_id: str, moved: httpx.Client) -> tuple[int, int]:
    """Remove what an organisation left; return how much was removed and how much is left.

    ``moved`` sends a key of the organisation. Raises ``BenchError`` where the old cell does not send it on any more.
    """
    removed, until = 0, time.monotonic() + CLEAN_WITHIN_S
    with east.client() as admin:
        while True:
            path = f"/api/v1/organisations/{org_id}/moves/remains"
            answer = admin.request("DELETE", path, timeout=REQUEST_S)
            if answer.status_code != 200:
                raise BenchError(f"the old cell is not cleaned: {answer.status_code} {answer.text[:300]}")
            found = answer.json()
            removed += sum(found["removed"].values())
            if not found["counts"] or time.monotonic() > until:
                break
    status = moved.get("/api/v1/workflows").status_code
    if status != 307:
        raise BenchError(f"a client of the organisation gets {status} in the old cell, and not the other one's address")
    return removed, sum(found["counts"].values())
