"""What healthy runs of a workflow do at each node: the measure by which a step of a failed run is unusual."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from statistics import median

from msgspec import Struct, field

from services.observability.cause.observed import ObservedRun, ObservedStep

#: Median absolute deviation to standard deviation of a normal distribution (Rousseeuw and Croux, 1993).
_MAD_SCALE = 1.4826
#: Outputs of equal inputs that must have been seen twice before a node is called deterministic.
LEAST_REPEATS = 2


class Spread(Struct, frozen=True, kw_only=True):
    """The middle of some values and how far they are from it, both robust against outliers.

    ``most`` is what 19 of 20 are under, so that a few outliers among healthy runs make no norm.
    """

    middle: float
    deviation: float
    most: float
    count: int


class NodeNorm(Struct, kw_only=True, dict=True):
    """A node in healthy runs. ``runs`` is how many have it. What is usual is computed once, after all runs are in."""

    runs: int = 0
    took: list[float] = field(default_factory=list)
    tokens: list[float] = field(default_factory=list)
    quota: list[float] = field(default_factory=list)
    prompts: Counter[str] = field(default_factory=Counter)
    hashes: Counter[str] = field(default_factory=Counter)
    routes: Counter[str] = field(default_factory=Counter)
    policies: Counter[str] = field(default_factory=Counter)
    cached: int = 0
    steps: int = 0
    failed: int = 0
    lacking: Counter[str] = field(default_factory=Counter)
    outputs: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    @cached_property
    def usual_time(self) -> Spread | None:
        """How long an attempt takes, in milliseconds."""
        return spread_of(self.took)

    @cached_property
    def usual_wait(self) -> Spread | None:
        """How long a step waits for quotas, in milliseconds."""
        return spread_of(self.quota)

    @cached_property
    def usual_length(self) -> Spread | None:
        """The logarithm of the tokens of an answer."""
        return spread_of([math.log(value) for value in self.tokens])

    def repeats(self) -> tuple[int, int]:
        """Return of how many inputs several outputs were seen at all, and of how many they differed."""
        several = [outputs for outputs in self.outputs.values() if sum(outputs.values()) >= LEAST_REPEATS]
        return len(several), sum(len(outputs) > 1 for outputs in several)


class Norms(Struct, frozen=True, kw_only=True):
    """The nodes of a workflow in its healthy runs."""

    runs: int
    nodes: dict[str, NodeNorm]

    def of(self, node: str) -> NodeNorm:
        """Return the norm of a node; an empty one where no healthy run has it."""
        return self.nodes.get(node) or NodeNorm()


def norms_of(healthy: Iterable[ObservedRun]) -> Norms:
    """Return what healthy runs do."""
    nodes: defaultdict[str, NodeNorm] = defaultdict(NodeNorm)
    count = 0
    for run in healthy:
        count += 1
        seen: set[str] = set()
        for step in run.steps:
            _add(nodes[step.node], step)
            if step.node not in seen:
                seen.add(step.node)
                nodes[step.node].runs += 1
                nodes[step.node].hashes[run.nodes.get(step.node, run.hash)] += 1
                nodes[step.node].lacking.update(run.lacking.get(step.node, ()))
    return Norms(runs=count, nodes=dict(nodes))


def _add(norm: NodeNorm, step: ObservedStep) -> None:
    norm.steps += 1
    norm.failed += bool(step.error)
    norm.cached += bool(step.cached)
    norm.prompts[step.prompt] += 1
    norm.routes[step.route] += 1
    norm.policies.update(step.policy)
    norm.quota.append(step.quota_ms)
    if step.error:
        return
    if not step.cached:
        norm.took.append(step.took_ms)
    if step.tokens:
        norm.tokens.append(step.tokens)
    if step.asked and step.output:
        norm.outputs[step.asked][step.output] += 1


def spread_of(values: Sequence[float]) -> Spread | None:
    """Return the median and the scaled median absolute deviation; ``None`` of no values."""
    if not values:
        return None
    middle = median(values)
    deviation = _MAD_SCALE * median(abs(value - middle) for value in values)
    return Spread(
        middle=middle, deviation=deviation, most=sorted(values)[(len(values) - 1) * 19 // 20], count=len(values)
    )
