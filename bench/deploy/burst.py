"""A burst of steps on workers whose number an autoscaler decides, second by second."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bench.deploy.autoscaler import SYNC_S, Autoscaler, Partition, metric


@dataclass(frozen=True)
class Site:
    """What a site is like: seconds a call takes, a pod takes to serve, and all workers stand at each rebalance."""

    call_s: float = 2.0
    concurrency: int = 20
    start_s: int = 12
    rebalance_s: float = 1.0
    partitions: int = 12


@dataclass(frozen=True)
class Played:
    """How a burst went: replicas of each second, and the second in which the last step had ended."""

    replicas: list[int]
    drained_at: int

    @property
    def flaps(self) -> int:
        """How often more pods were wanted after fewer."""
        moves = [b - a for a, b in pairwise(self.replicas) if b != a]
        return sum(1 for a, b in pairwise(moves) if a < 0 < b)


def play(spec: Mapping[str, Any], steps: int, site: Site, *, every_s: float = 0.0, until_s: int = 3_600) -> Played:
    """Play ``steps`` that wait at second 0, and one more ``every_s`` seconds (0: none), for an hour."""
    scaler = Autoscaler(spec, spec["minReplicaCount"])
    workers, replicas, drained_at, lag = _Workers(site, scaler.replicas), [], 0, steps
    for second in range(until_s):
        added = steps + (second / every_s if every_s else 0.0)
        before, done = workers.done, workers.serve(second, added)
        drained_at = second + 1 if before < steps <= done else drained_at
        if second % spec["pollingInterval"] == 0:
            lag = _lag(int(added), int(done), spec["triggers"][0]["metadata"], site)
        if second % SYNC_S == 0:
            workers.become(second, scaler.at(second, [lag, *[0] * (len(spec["triggers"]) - 1)]))
        replicas.append(scaler.replicas)
    return Played(replicas, drained_at)


class _Workers:
    """Workers of a site. A step counts as waiting until it has ended: that is when its offset is stored."""

    def __init__(self, site: Site, count: int) -> None:
        self._site, self._serving, self._starting, self._stalled = site, count, list[int](), 0.0
        self._begun = [0.0]
        self.done = 0.0

    def serve(self, second: int, added: float) -> float:
        """Begin what has room in this second; return how many steps have ended."""
        ready = sum(at <= second for at in self._starting)
        self._starting = [at for at in self._starting if at > second]
        self._serving += ready
        self._stalled += self._site.rebalance_s * ready
        ended = second + 1 - math.ceil(self._site.call_s)
        self.done = self._begun[ended] if ended >= 0 else 0.0
        room = max(0.0, self._serving * self._site.concurrency - (self._begun[-1] - self.done))
        room, self._stalled = (0.0 if self._stalled >= 1 else room), max(0.0, self._stalled - 1)
        self._begun.append(min(added, self._begun[-1] + room))
        return self.done

    def become(self, second: int, count: int) -> None:
        """Start or stop pods."""
        change = count - self._serving - len(self._starting)
        self._starting += [second + self._site.start_s] * max(0, change)
        if change < 0:
            # A pod that leaves finishes its calls and returns what it has not begun.
            self._serving += change
            self._stalled += self._site.rebalance_s


def _lag(end: int, stored: int, trigger: Mapping[str, str], site: Site) -> int:
    waiting, each = end - stored, site.partitions
    offsets = [Partition(0, waiting // each + (number < waiting % each), 0) for number in range(each)]
    idle = trigger["allowIdleConsumers"] == "true"
    return metric(offsets, int(trigger["lagThreshold"]), policy=trigger["offsetResetPolicy"], idle_consumers=idle)


def ideal_s(steps: int, workers: int, site: Site) -> float:
    """Return how long so many workers take when all serve from the start."""
    return steps / (workers * site.concurrency / site.call_s)
