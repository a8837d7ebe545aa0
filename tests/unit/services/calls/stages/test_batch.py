"""What is stored of a call that goes by batch, before it is sent."""

from pathlib import Path

import pytest

from bench.batching.server import batch_server
from bench.batching.world import MODELS, Killed, Killer, Step, World


async def test_what_is_stored_before_the_money_is_held_says_that_nothing_is(tmp_path: Path) -> None:
    async with batch_server(lasts_ms=600_000) as server:
        world = World(tmp_path, server, [Step(0, MODELS[0])])
        with pytest.raises(Killed):
            await world.worker(Killer({"stored": 1}))
        (stored,) = world.store.items.values()
        await world.worker(Killer())
        (ready,) = world.store.items.values()
        await world.close()
    assert (stored.state, stored.started.amount_nano) == ("new", 0)
    assert (ready.state, ready.started.amount_nano) == ("ready", world.holds.held[ready.call_id].amount_nano)
