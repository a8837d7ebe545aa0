"""Playing one seed: a world, what happens in it, and what the oracle says of its end."""

import logging
from dataclasses import dataclass, field

from tests.simulation.mutants.planting import planted
from tests.simulation.oracle import judge, tables
from tests.simulation.world.world import World


@dataclass
class Outcome:
    """One seed's end. ``trace`` names everything that happened, in order."""

    seed: int
    bug: str
    trace: str
    steps: int
    problems: list[str] = field(default_factory=list)


def play(seed: int, bug: str = "") -> Outcome:
    """Play a seed and check its end. What the engine says of the faults is not logged."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with planted(bug):
            return _played(seed, bug)
    finally:
        logging.disable(before)


def _played(seed: int, bug: str) -> Outcome:
    world = World(seed, bug)
    dry = world.play()
    outcome = Outcome(seed, bug, world.scheduler.trace, world.scheduler.steps)
    outcome.problems = judge.problems(world) if dry else ["the world did not run dry", *tables.unfenced(world)]
    outcome.problems += [f"a task raised {error!r}" for error in world.scheduler.loop.errors]
    world.scheduler.close(world.processes)
    return outcome
