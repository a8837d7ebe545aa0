"""Made-up traffic of a rollout: which arm each run got, and its score, error, cost and latency, by seed.

A seed gives the same traffic whatever else is simulated. Costs and latencies are logarithms, as they are compared.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: Logarithms of a tenth of a cent in nano-dollars, and of 0.8 s in milliseconds.
LOG_COST, LOG_LATENCY = float(np.log(1e6)), float(np.log(800.0))
COST_DEVIATION, LATENCY_DEVIATION = 0.5, 0.8


@dataclass(frozen=True)
class Behaviour:
    """What one arm does. ``cost`` and ``latency`` are factors of the usual ones."""

    score: float = 0.8
    errors: float = 0.02
    cost: float = 1.0
    latency: float = 1.0


@dataclass(frozen=True)
class Scenario:
    """Traffic of ``runs`` runs, of which the canary gets ``ratio``.

    ``disturbed`` lets all levels drift, costs and latencies have heavy tails (Student's t with 3 degrees), and leaves
    scores out. ``entities`` is how many send the runs, each with levels of its own; 0 makes every run independent.
    """

    name: str
    ratio: float
    runs: int
    canary: Behaviour = field(default_factory=Behaviour)
    stable: Behaviour = field(default_factory=Behaviour)
    disturbed: bool = False
    entities: int = 0


class Traffic(NamedTuple):
    """Arrays by seed and run. ``scored`` is false where a score never comes; ``entity`` is -1 without entities."""

    canary: Bools
    score: Floats
    scored: Bools
    failed: Bools
    cost: Floats
    latency: Floats
    entity: npt.NDArray[np.int64]


def traffic(scenario: Scenario, seeds: range) -> Traffic:
    """Return the traffic of some seeds."""
    rows: list[tuple[Any, ...]] = list(zip(*(_of_seed(scenario, seed) for seed in seeds), strict=True))
    arrays: list[Any] = [np.stack(row) for row in rows]
    return Traffic(*arrays)


def _of_seed(scenario: Scenario, seed: int) -> Traffic:
    rng = np.random.default_rng([crc32(scenario.name.encode()), seed])
    runs = scenario.runs
    entity, shift, canary = _entities(scenario, rng)
    stable, tested = scenario.stable, scenario.canary
    drift = 0.1 * np.sin(np.linspace(0, 9, runs)) if scenario.disturbed else np.zeros(runs)
    score = np.where(canary, tested.score, stable.score) + drift + 0.15 * shift
    errors = np.where(canary, tested.errors, stable.errors) * (1 + 5 * drift) + 0.01 * shift
    failed = rng.random(runs) < errors
    scored = ~failed & ((rng.random(runs) >= 0.3 + drift) if scenario.disturbed else True)
    dearer: Floats = np.log(np.where(canary, tested.cost, stable.cost))
    slower: Floats = np.log(np.where(canary, tested.latency, stable.latency)) + drift + 0.5 * shift
    return Traffic(
        canary,
        (rng.random(runs) < score).astype(np.float64),
        scored,
        failed,
        LOG_COST + dearer + COST_DEVIATION * _noise(scenario, rng),
        LOG_LATENCY + slower + LATENCY_DEVIATION * _noise(scenario, rng),
        entity,
    )


def _noise(scenario: Scenario, rng: np.random.Generator) -> Floats:
    return rng.standard_t(3, scenario.runs) if scenario.disturbed else rng.standard_normal(scenario.runs)


def _entities(scenario: Scenario, rng: np.random.Generator) -> tuple[Any, Any, Bools]:
    """Return who sends each run, how its levels differ from the usual ones, and the arm of the run."""
    if not scenario.entities:
        return np.full(scenario.runs, -1), np.zeros(scenario.runs), rng.random(scenario.runs) < scenario.ratio
    entity = rng.integers(scenario.entities, size=scenario.runs)
    shifts = rng.choice([-1.0, 1.0], scenario.entities)
    arms = rng.random(scenario.entities) < scenario.ratio
    return entity, shifts[entity], arms[entity]
