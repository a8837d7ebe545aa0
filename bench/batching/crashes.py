"""Many steps by batch, with processes that are killed at every point of ``services.batches.points``."""

import random
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.batching.server import BatchServer, batch_server
from bench.batching.world import MODELS, START_MS, Killed, Killer, Step, World, price_of
from schemas.ids import request_id
from services.batches.leased import LEASE_MS
from services.batches.points import POINTS

#: Steps of runs that end: before their calls are sent, and while the provider has them.
UNSENT, SENT = 5, 10
_UNSENT_ROUTE, _SENT_ROUTE = ("openai", "gpt-4.1-mini"), ("openai", "gpt-4o")
#: What happens at once, in the world's time.
_TICK_MS = 30_000
_MOST_TICKS = 5_000
#: How long the server works on a batch.
_LASTS_MS = 6 * 3_600_000
#: Points that are reached once or twice.
_RARE = frozenset({"cancel_sent", "cancel_stored", "unwanted", "canceled_settled", "settlements_stored"})


@dataclass(frozen=True)
class Played:
    """What was left. ``once`` are the steps that were answered, made once and paid once at the price of a batch."""

    steps: int
    once: int
    off_nano: int
    killed: tuple[str, ...]
    made_twice: int
    still_held: int


async def play(steps: int, seed: int, points: tuple[str, ...] = POINTS, lost_replies: int = 2) -> Played:
    """Play steps until all are done, and count. Raises ``TimeoutError`` when some never are."""
    async with batch_server(_LASTS_MS) as server:
        server.lose_replies, server.now_ms = lost_replies, START_MS
        wanted = [Step(n, MODELS[n % 2]) for n in range(steps)]
        unsent = [Step(steps + n, _UNSENT_ROUTE) for n in range(UNSENT)]
        sent = [Step(steps + UNSENT + n, _SENT_ROUTE) for n in range(SENT)]
        with tempfile.TemporaryDirectory() as directory:
            world = World(Path(directory), server, [*wanted, *unsent, *sent], max(10, steps // 10))
            try:
                killed = await _live(world, unsent, sent, random.Random(seed), points)  # noqa: S311 - a plan
            finally:
                await world.close()
        return _counted(world, wanted, server, killed)


async def _live(
    world: World, unsent: list[Step], sent: list[Step], chance: random.Random, points: tuple[str, ...]
) -> tuple[str, ...]:
    killer = Killer({point: 1 if point in _RARE else chance.randint(1, 3) for point in points})
    role = world.role(killer)
    for _ in range(_MOST_TICKS):
        killer.dead = False
        with suppress(Killed):
            await world.worker(killer)
        killer.dead = False
        _end_runs(world, unsent, sent)
        try:
            await role.work()
        except Killed:
            role = world.role(killer)
            # Another process has its batches when its leases are over.
            world.clock.ms += LEASE_MS
        world.clock.ms += _TICK_MS
        world.server.now_ms = world.clock.ms
        if all(step.is_done for step in world.steps) and _is_quiet(world):
            return tuple(killer.killed)
    left = [step.number for step in world.steps if not step.is_done][:5]
    raise TimeoutError(f"steps {left} or batches are not done; killed at {killer.killed}, left {killer.left}")


def _end_runs(world: World, unsent: list[Step], sent: list[Step]) -> None:
    """End runs: some as soon as their calls are stored, others when the provider has them."""
    items = world.store.items.values()
    if any(item.started.model == _UNSENT_ROUTE[1] and item.state == "ready" for item in items):
        for step in unsent:
            step.is_over = True
    if any(one.group.model == _SENT_ROUTE[1] and one.state == "submitted" for one in world.store.batches.values()):
        for step in sent:
            step.is_over = True


def _is_quiet(world: World) -> bool:
    items = world.store.items.values()
    return all(one.state == "ended" for one in world.store.batches.values()) and all(one.settled for one in items)


def _counted(world: World, wanted: list[Step], server: BatchServer, killed: tuple[str, ...]) -> Played:
    paid = world.paid()
    once = 0
    for step in wanted:
        mine = paid.get(f"{request_id(step.run_id, 'ask', 1)}#batch", [])
        answered = step.text == f"answer to {step.prompt}" and server.made[step.prompt] == 1
        once += answered and [(one.kind, one.amount_nano) for one in mine] == [("actual", price_of(step, server))]
    held = {item.call_id for item in world.store.items.values()} - world.holds.settled
    return Played(
        steps=len(wanted),
        once=once,
        off_nano=abs(world.spent() - world.bill()),
        killed=killed,
        made_twice=sum(times - 1 for times in server.made.values()),
        still_held=len(held),
    )
