"""What the log says of a node on a route: latencies, scores and lengths of answers, with their spread."""

import math
from collections.abc import Iterable
from statistics import NormalDist

from msgspec import Struct

from schemas.api_models.traces.policies import Interval
from services.observability.replay.policy.calls import RecordedCall, Route

#: Calls of a node on a route from which a mean is taken. Below, the normal approximation of its error is poor.
LEAST = 30
_Z = NormalDist().inv_cdf(0.975)
Key = tuple[str, str, Route]


class Series(Struct):
    """Count, mean and sum of squared deviations of a series, after Welford (1962)."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, value: float) -> None:
        """Add a value."""
        self.count += 1
        delta = value - self.mean
        self.mean += delta / self.count
        self.squares += delta * (value - self.mean)

    @property
    def error(self) -> float:
        """The standard error of the mean; 0 of fewer than two values."""
        return math.sqrt(self.squares / (self.count - 1) / self.count) if self.count > 1 else 0.0

    @property
    def is_enough(self) -> bool:
        """Whether there are enough values to tell."""
        return self.count >= LEAST


class Observed(Struct):
    """What is known of a node on a route."""

    latency: Series
    score: Series
    output_tokens: Series


class Evidence:
    """What a log says, by node and route. Cached answers say nothing."""

    def __init__(self, calls: Iterable[RecordedCall]) -> None:
        self._found: dict[Key, Observed] = {}
        for call in calls:
            if call.cached:
                continue
            key = (call.workflow, call.node, call.route)
            found = self._found.get(key)
            if found is None:
                found = self._found[key] = Observed(Series(), Series(), Series())
            found.latency.add(call.latency_ms)
            found.output_tokens.add(call.usage.output_tokens)
            if call.score is not None:
                found.score.add(call.score)

    def of(self, call: RecordedCall, route: Route) -> Observed | None:
        """Return what is known of a call's node on a route; ``None`` if that is too little."""
        found = self._found.get((call.workflow, call.node, route))
        return found if found is not None and found.latency.is_enough else None


class Mean:
    """A mean over calls, some of which are known exactly, and some by the mean of a group with an error of its own."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._count = self._unknown = 0
        self._groups: dict[object, tuple[int, float]] = {}

    def add(self, value: float) -> None:
        """Add a call that is known."""
        self._sum += value
        self._count += 1

    def add_group(self, group: object, mean: float, error: float) -> None:
        """Add a call that is known by its group; all of a group share one error."""
        self.add(mean)
        count, _ = self._groups.get(group, (0, 0.0))
        self._groups[group] = (count + 1, error)

    def miss(self) -> None:
        """Add a call of which nothing is known."""
        self._unknown += 1

    def interval(self) -> Interval | None:
        """Return the mean with its 95% interval; ``None`` when no call is known."""
        if not self._count:
            return None
        value = self._sum / self._count
        error = math.sqrt(sum((count * one) ** 2 for count, one in self._groups.values())) / self._count
        known = self._count / (self._count + self._unknown)
        return Interval(value=value, low=value - _Z * error, high=value + _Z * error, known=known)


def ratio(new: Series, old: Series) -> tuple[float, float]:
    """Return the 95% interval of the ratio of two means, by the delta method; never below 0."""
    if not old.mean or not new.mean:
        return 1.0, 1.0
    value = new.mean / old.mean
    error = value * math.sqrt((new.error / new.mean) ** 2 + (old.error / old.mean) ** 2)
    return max(0.0, value - _Z * error), value + _Z * error
