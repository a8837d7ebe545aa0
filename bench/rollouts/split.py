"""Splits of units between the arms on whole arrays, by ``split_factor`` of ``schemas.rollouts.sequential``."""

import numpy as np
import numpy.typing as npt

from bench.rollouts.traffic import Bools, Floats
from schemas.rollouts.sequential import SPLIT_ALPHA, SPLIT_UNITS, needed

_TOGETHER = 50


def alarm_share(seeds: int, units: int, lost: float, ratio: float = 0.5) -> float:
    """Return the share of seeds with an alarm when stable gets this share of the canary's units."""
    found = 0
    for start in range(0, seeds, _TOGETHER):
        rng = np.random.default_rng([units, start, round(1000 * lost)])
        canary = rng.random((min(_TOGETHER, seeds - start), units)) < ratio * (1 - lost)
        found += int(np.sum(split_evidence(canary, ratio).max(axis=1) >= needed(SPLIT_ALPHA)))
    return found / seeds


def split_evidence(canary: Bools, ratio: float) -> Floats:
    """Return the evidence of a wrong split after every unit."""
    units = np.arange(canary.shape[1])
    before: npt.NDArray[np.int64] = np.cumsum(canary, axis=1) - canary
    predicted = (SPLIT_UNITS * ratio + before) / (SPLIT_UNITS + units)
    factors = np.where(canary, np.log(predicted / ratio), np.log((1 - predicted) / (1 - ratio)))
    found: Floats = np.cumsum(factors, axis=1)
    return found
