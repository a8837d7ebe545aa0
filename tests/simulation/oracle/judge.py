"""What must hold when a world has run dry, whatever happened to it. Reads the log and the tables only."""

from tests.simulation.oracle import (
    arms,
    asks,
    attempts,
    audit,
    budgets,
    ends,
    flow,
    labels,
    loops,
    money,
    order,
    outputs,
    quality,
    rollouts,
    signals,
    subjects,
    tables,
    traces,
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
        *asks.check(world, history),
        *order.check(world, history),
        *flow.check(world, history),
        *money.check(world, history),
        *budgets.check(world, history),
        *rollouts.check(world),
        *arms.check(world, history),
        *traces.check(world, history),
        *quality.check(world),
        *labels.check(world, history),
        *audit.check(world),
        *subjects.check(world, history),
        *tables.check(world),
    ]
