"""Runs that are far slower or dearer than the others of their workflow, by statistics that few outliers do not move.

Durations and costs are about log-normal, so their logarithms are compared: by the modified z-score
``0.6745 (x - median) / MAD``, where MAD is the median of the distances from the median. Above 3.5 is an outlier.
Source: B. Iglewicz and D. Hoaglin, "How to Detect and Handle Outliers", 1993.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

#: A workflow with fewer runs has no outliers.
LEAST_RUNS = 20
LIMIT = 3.5
_NORMAL = 0.6745
#: Where more than half of the runs are equal, this relative spread is taken: 5%.
_LEAST_SPREAD = math.log(1.05)


@dataclass(frozen=True, slots=True)
class Measured:
    """A run's measure: nanoseconds, or nano-dollars."""

    trace_id: str
    run_id: str
    workflow: str
    value: int


@dataclass(frozen=True, slots=True)
class Outlier:
    """A run, how many times the median of its workflow it is, and its score."""

    run: Measured
    median: float
    times: float
    score: float
    runs: int


def outliers(runs: Sequence[Measured], limit: float = LIMIT) -> list[Outlier]:
    """Return the runs that are far above the others of their workflow, the farthest first. Runs of 0 are left out."""
    of_workflow: defaultdict[str, list[Measured]] = defaultdict(list)
    for run in runs:
        if run.value > 0:
            of_workflow[run.workflow].append(run)
    found = [one for some in of_workflow.values() if len(some) >= LEAST_RUNS for one in _far(some, limit)]
    return sorted(found, key=lambda one: (-one.score, one.run.trace_id))


def _far(runs: Sequence[Measured], limit: float) -> Iterator[Outlier]:
    logs = [math.log(run.value) for run in runs]
    middle = median(logs)
    spread = max(median(abs(x - middle) for x in logs), _LEAST_SPREAD)
    for run, x in zip(runs, logs, strict=True):
        score = _NORMAL * (x - middle) / spread
        if score > limit:
            yield Outlier(run, math.exp(middle), math.exp(x - middle), score, len(runs))
