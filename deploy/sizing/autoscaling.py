"""How many workers KEDA's scaler of Kafka asks for, and how many there are then: its formula, as the chart has it.

For tests and plans on machines without KEDA. The scaler sums the lag of a topic's partitions and wishes for one replica
for each ``per_replica`` of it, at most one for each partition; of several topics the largest wish counts. Kubernetes
follows within a tolerance: up at once, down by one pod in ``down_every_s``, and not before the wish has been lower for
that long.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

#: A wish that is off by less than a tenth changes nothing.
TOLERANCE = 0.1


def wished(lags: Mapping[str, Sequence[int]], per_replica: int, least: int, most: int) -> int:
    """Return how many replicas the lags of topics' partitions ask for, without regard to how many there are."""
    wishes = [min(math.ceil(sum(parts) / per_replica), len(parts)) for parts in lags.values()]
    return min(most, max(least, *wishes)) if wishes else least


@dataclass
class Autoscaler:
    """The number of replicas over time. ``now_s`` of its calls may be any clock that does not go back."""

    per_replica: int
    least: int
    most: int
    down_every_s: float
    replicas: int = 0
    _lower_since_s: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.replicas = self.replicas or self.least

    def step(self, lags: Mapping[str, Sequence[int]], now_s: float) -> int:
        """Return how many replicas there are to be now."""
        wish = wished(lags, self.per_replica, self.least, self.most)
        if abs(wish / self.replicas - 1) <= TOLERANCE or wish == self.replicas:
            self._lower_since_s = None
        elif wish > self.replicas:
            self._lower_since_s = None
            self.replicas = wish
        elif self._lower_since_s is None:
            self._lower_since_s = now_s
        elif now_s - self._lower_since_s >= self.down_every_s:
            self._lower_since_s = now_s
            self.replicas -= 1
        return self.replicas
