"""The looks of ``schemas.rollouts.looks`` on whole arrays: a look after every run, of many seeds at once.

It follows ``comparison`` and ``looks`` for a plan of one step. ``bench.rollouts.folded`` plays the same traffic through
the fold itself, and the line ``decisions_as_folded`` compares both.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bench.rollouts.traffic import Bools, Floats, Traffic
from schemas.rollouts.looks import LEAST_CLUSTERS
from schemas.rollouts.plan import Metric, Plan
from schemas.rollouts.sequential import brake_factor, needed

#: No run: nothing was decided.
NEVER = np.iinfo(np.int64).max


class Decisions(NamedTuple):
    """The number of runs after which each seed was rolled back, and after which it would be promoted, or ``NEVER``."""

    rolled_back: npt.NDArray[np.int64]
    promoted: npt.NDArray[np.int64]


class Compared(NamedTuple):
    """A metric after every run: the smaller numbers of clusters and runs, the harm, and its variance."""

    clusters: Floats
    runs: Floats
    harm: Floats
    variance: Floats


def decide(plan: Plan, data: Traffic) -> Decisions:
    """Return what a plan decides of some seeds' traffic."""
    worse = _cumulated(np.where(data.failed, _brake(plan, data.canary), 0.0)) >= needed(plan.brake_alpha)
    good = np.ones_like(worse)
    for metric, rule in plan.rules.items():
        found = compared(data, metric)
        against = evidence(found.harm - rule.tolerated, found.variance, rule.scale)
        worse |= (found.clusters >= LEAST_CLUSTERS) & (against >= needed(rule.alpha))
        in_favour = evidence(rule.margin - found.harm, found.variance, rule.margin)
        good &= (found.runs >= plan.least_runs) & (in_favour >= needed(plan.promotion_alpha))
    return Decisions(_first(worse), _first(good & ~worse))


def compared(data: Traffic, metric: Metric) -> Compared:
    """Return a metric's comparison after every run."""
    values, counted = _values(data, metric)
    arms = [_mean(values, counted & arm, data.entity) for arm in (data.canary, ~data.canary)]
    (mean, variance, runs, clusters), (other, of_other, other_runs, other_clusters) = arms
    harm = other - mean if metric == "score" else mean - other
    return Compared(np.minimum(clusters, other_clusters), np.minimum(runs, other_runs), harm, variance + of_other)


def evidence(difference: Floats, variance: Floats, scale: float) -> Floats:
    """Return ``sequential.evidence`` of each element."""
    spread = variance + scale * scale
    above = np.maximum(difference, 0.0)
    half = 0.5 * (scale * scale * above * above / (variance * spread))
    found: Floats = 0.5 * np.log(variance / spread) + half + np.log(2.0 - np.exp(-half))
    return found


def _values(data: Traffic, metric: Metric) -> tuple[Floats, Bools]:
    if metric == "score":
        return data.score, data.scored
    if metric == "errors":
        return data.failed.astype(np.float64), np.ones_like(data.failed)
    return (data.cost if metric == "cost" else data.latency), ~data.failed


def _mean(values: Floats, counted: Bools, entity: npt.NDArray[np.int64]) -> tuple[Floats, Floats, Floats, Floats]:
    """Return an arm's mean, the variance of it, and its numbers of runs and clusters, after every run."""
    runs, total = _cumulated(counted), _cumulated(np.where(counted, values, 0.0))
    if entity[0, 0] < 0:
        squares, products, sizes, clusters = _cumulated(np.where(counted, values * values, 0.0)), total, runs, runs
    else:
        squares, products, sizes, clusters = _of_clusters(values, counted, entity)
    some = np.maximum(runs, 1.0)
    mean = total / some
    centred = np.maximum(squares - 2.0 * mean * products + mean * mean * sizes, 0.0)
    few = np.where(clusters > 1, clusters / np.maximum(clusters - 1, 1), 1.0)
    return mean, (centred * few + 0.5) / (some * some), runs, clusters


def _of_clusters(values: Floats, counted: Bools, entity: npt.NDArray[np.int64]) -> tuple[Floats, ...]:
    """Return sums of squares, products and sizes over clusters, and how many there are, after every run."""
    before, sums = np.zeros_like(values), np.zeros_like(values)
    for row in range(len(values)):
        order = np.argsort(entity[row], kind="stable")
        held = np.where(counted[row], values[row], 0.0)[order]
        starts = np.flatnonzero(np.diff(entity[row][order], prepend=-1))
        lengths = np.diff(starts, append=len(order))
        for source, target in ((counted[row][order].astype(np.float64), before), (held, sums)):
            grown = np.cumsum(source) - source
            target[row, order] = grown - np.repeat(grown[starts], lengths)
    added = (2.0 * sums * values + values * values, sums + values * before + values, 2.0 * before + 1.0, before == 0)
    return tuple(_cumulated(np.where(counted, one, 0.0)) for one in added)


def _brake(plan: Plan, canary: Bools) -> Floats:
    ratio = plan.ratio(0)
    return np.where(canary, brake_factor(ratio, True), brake_factor(ratio, False))


def _cumulated(values: npt.NDArray[np.generic]) -> Floats:
    return np.cumsum(values, axis=1, dtype=np.float64)


def _first(reached: Bools) -> npt.NDArray[np.int64]:
    """Return after how many runs each row is true for the first time."""
    at = reached.argmax(axis=1)
    return np.where(reached[np.arange(len(reached)), at], at + 1, NEVER)
