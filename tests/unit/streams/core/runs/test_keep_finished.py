"""How long a finished run stays in the table is settable."""

from streams.core.commands import ExpireAt
from streams.core.runs.fold import RunFold
from tests.support.runs import RUN, World, function


def test_a_finished_run_leaves_after_the_time_that_is_set() -> None:
    world = World()
    world.rules = RunFold(keep_finished_ms=2_000)
    world.submit(function("only"))
    world.succeed("only")
    leaves = ExpireAt(RUN, world.now_ms + 2_000)
    assert leaves in world.last
    restored = world.rules.outstanding(world.state, RUN, world.now_ms)
    assert leaves in restored
