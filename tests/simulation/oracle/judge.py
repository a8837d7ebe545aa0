"""What must hold when a world has run dry, whatever happened to it. Reads the log and the tables only."""

from tests.simulation.oracle import (
    attempts,
    budgets,
    ends,
    loops,
    money,
    order,
    outputs,
    rollouts,
    signals,
    tables,
)
from tests.simulation.oracle.history import read
from tests.simulation.world.world import World


def problems(world: World) -> list[str]:
    """Return every promise that a dry world breaks."""
    history = read(world)
    return [
        *ends.check(history, world.healed_ms),
        *attempts.check(history, world.healed_ms),
        *outputs.check(history),
        *loops.check(history),
        *signals.check(history),
        *order.check(world, history),
        *money.check(world, history),
        *budgets.check(world, history),
        *rollouts.check(world),
        *tables.check(world),
    ]
