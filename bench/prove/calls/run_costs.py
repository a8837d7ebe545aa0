"""Lines on what runs cost: a cap that holds on the real Lua, runs that agree with the ledger, admitted paths."""

import asyncio
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from redis.asyncio import Redis

from bench.budgets.ledger_runs import off_ledger_nano
from bench.budgets.random_paths import outcomes, random_nodes
from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most
from connectors.ports.engine import Position
from connectors.redis.fenced_table import RedisTable
from connectors.redis.holds import Held, HoldRequest, RedisHolds
from connectors.redis.keys import budgets_slot
from deploy.local.engines.progress import Progress
from deploy.local.engines.stack import EngineStack
from schemas.budgets import Budget, Spender
from schemas.spec.cheapest_path import cheapest_nano

AIMS = (
    Aim("run_cap_overshoot_nano", "nano-dollars", at_most(0), at_most(0)),
    Aim("run_cap_used", "%", at_least(85), at_least(95)),
    Aim("run_cost_off_ledger_nano", "nano-dollars", at_most(0), at_most(0)),
    Aim("path_admission_wrong", "workflows", at_most(0), at_most(0)),
)
CAP_NANO, CALLS, CHILDREN, CLIENTS = 10_000, 200, 4, 40
_NOW_MS = 1_800_000_000_000
_ORG = "acme"


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Measure all; ``quick``: fewer runs and workflows."""
    progress(f"run costs: a map of {CALLS} calls in {CHILDREN} child runs against one cap")
    with tempfile.TemporaryDirectory() as folder, EngineStack(Path(folder), {"redis"}, durable=False) as endpoints:
        held = asyncio.run(_held_of_cap(endpoints.redis_url))
    runs, paths = (300, 300) if quick else (3_000, 1_000)
    progress(f"run costs: {runs} runs beside their ledger, {paths} random workflows")
    off = sum(abs(off_ledger_nano(seed)) for seed in range(runs))
    wrong = sum(_is_wrong(seed) for seed in range(paths))
    used = 100 * min(held, CAP_NANO) / CAP_NANO
    return [
        Line("run_cap_overshoot_nano", "nano-dollars", (float(max(0, held - CAP_NANO)),), f"{CLIENTS} clients at once"),
        Line("run_cap_used", "%", (used,), "when the last call was refused"),
        Line("run_cost_off_ledger_nano", "nano-dollars", (float(off),), f"{runs} runs whose workers died at random"),
        Line("path_admission_wrong", "workflows", (float(wrong),), f"of {paths} random ones, against all their ways"),
    ]


class _NoBudgets:
    """No budget applies: only caps do."""

    def applying(self, org_id: str, call: Spender) -> Sequence[Budget]:
        return ()


async def _held_of_cap(redis_url: str) -> int:
    """Return what a run and its children hold of its cap when all of their calls have asked."""
    async with Redis.from_url(redis_url) as redis:
        table, slot = RedisTable(redis, "budgets"), budgets_slot(_ORG, 1)
        epoch = (await table.take(slot.partition, "log")).epoch
        await table.begin(slot.partition, epoch, "log", Position(0, _NOW_MS))
        await table.open(slot.partition, epoch, _NOW_MS)
        holds, clients = RedisHolds(redis, _NoBudgets(), 1, 60_000), asyncio.Semaphore(CLIENTS)
        dice = random.Random(7)  # noqa: S311

        async def hold(number: int) -> int:
            request = _request(number, dice.randint(50, 150))
            async with clients:
                return request.estimate_nano if isinstance(await holds.hold(request), Held) else 0

        return sum(await asyncio.gather(*(hold(number) for number in range(CALLS))))


def _request(number: int, estimate_nano: int) -> HoldRequest:
    child = f"child-{number % CHILDREN}"
    return HoldRequest(
        org_id=_ORG,
        call_id=f"{child}:map[{number}]:1#1",
        run_id=child,
        step_id=f"map[{number}]",
        workflow="flow",
        provider="p",
        model="m",
        estimate_nano=estimate_nano,
        at_ms=_NOW_MS,
        run_budget_nano=None,
        tags={},
        price_version="1",
        caps={"root": CAP_NANO, child: CAP_NANO * 2 // 3},
    )


def _is_wrong(seed: int) -> bool:
    """Return whether a run would be refused whose cheapest path fits, or admitted although none does."""
    nodes = random_nodes(seed)
    return cheapest_nano(nodes) != min(cost for cost, _ in outcomes(nodes))
