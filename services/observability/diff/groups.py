"""Groups of runs against each other, such as those before and after a deploy: which nodes differ by more than luck.

The unit is a run: of each node its cost, time, tokens and whether it failed, summed over its children and attempts.

* Means are compared by Welch's interval, with Student's quantile at the degrees of freedom of Welch and Satterthwaite
  (Welch, The generalization of "Student's" problem, Biometrika 34, 1947). They are right for runs of unequal spread.
* Shares of failed runs by Newcombe's interval from two of Wilson (Newcombe, Interval estimation for the difference
  between independent proportions, Statistics in Medicine 17, 1998, method 10), which holds near 0 and 1, too.

Shown intervals are of 95% each. ``differs`` is more careful: its level is divided by the number of all comparisons
(Bonferroni), so that of equal groups at most 5% show any difference at all.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import NormalDist, fmean, variance
from typing import Literal

from msgspec import Struct

from services.observability.diff.deltas import Spent, spent_of
from services.observability.diff.facts import Node, tree_of
from services.observability.diff.kinds import node_id_of
from services.observability.diff.recorded import RecordedRun
from services.prompts.evaluations.figures.statistics import wilson
from services.prompts.evaluations.figures.student import quantile

Measure = Literal["cost_nano", "duration_ms", "tokens", "failed"]
MEASURES: tuple[Measure, ...] = ("cost_nano", "duration_ms", "tokens", "failed")
ERROR = 0.05
#: With fewer runs in a group there is no interval worth its name.
LEAST_RUNS = 5


class Difference(Struct, frozen=True, kw_only=True):
    """A measure of a node in two groups: means, the difference b - a with its bounds, and whether it is no luck.

    Without bounds there are too few runs. Units: nano-dollars, milliseconds, tokens, share of runs.
    """

    node: str
    measure: Measure
    a: float
    b: float
    difference: float
    low: float | None
    high: float | None
    differs: bool


class Usages(Struct, frozen=True, kw_only=True):
    """How many runs of each group used something at a node: a version of a prompt, a route, an answer from a cache."""

    node: str
    what: str
    value: str
    a: int
    b: int


class GroupsCompared(Struct, frozen=True, kw_only=True):
    """Two groups compared: differences by node and measure, and what the groups used that the other one used less."""

    runs_a: int
    runs_b: int
    differences: Sequence[Difference]
    usages: Sequence[Usages]


class _Group(Struct, kw_only=True):
    """Values of each run by node and measure, and in how many runs something was used at a node."""

    runs: int = 0
    values: defaultdict[tuple[str, Measure], list[float]]
    used: Counter[tuple[str, str, str]]


def compare_groups(a: Iterable[RecordedRun], b: Iterable[RecordedRun]) -> GroupsCompared:
    """Return what differs between two groups of runs of one workflow. Runs without spans count for nothing."""
    left, right = _group(a), _group(b)
    keys = sorted({*left.values, *right.values}, key=lambda key: (key[0], MEASURES.index(key[1])))
    shared = [key for key in keys if left.values.get(key) and right.values.get(key)]
    level = ERROR / max(1, len(shared))
    found = [_difference(key, left.values[key], right.values[key], level) for key in shared]
    return GroupsCompared(runs_a=left.runs, runs_b=right.runs, differences=found, usages=_usages(left, right))


def _group(runs: Iterable[RecordedRun]) -> _Group:
    group = _Group(values=defaultdict(list), used=Counter())
    for run in runs:
        root = tree_of(run.spans)
        if root is None:
            continue
        group.runs += 1
        _add(group, root)
        group.used.update({("", "definition", run.definition.hash)} if run.definition.hash else ())
    return group


def _add(group: _Group, root: Node) -> None:
    spent = spent_of(root)
    used: set[tuple[str, str, str]] = set()
    for node in (root, *root.steps):
        name, one = node_id_of(node.step), spent[id(node)]
        for measure, value in _measured(node, one).items():
            group.values[name, measure].append(value)
        if node is not root:
            used |= {(name, what, value) for what, value in _used(node)}
    group.used.update(used)


def _measured(node: Node, one: Spent) -> dict[Measure, float]:
    return {
        "cost_nano": one.cost_nano,
        "duration_ms": one.duration_ms,
        "tokens": one.input_tokens + one.output_tokens,
        "failed": float(node.span.status == "error"),
    }


def _used(node: Node) -> Iterable[tuple[str, str]]:
    rest = [node]
    while rest:
        one = rest.pop()
        said = (("prompt", one.facts.prompt), ("route", one.facts.route), ("cache", one.facts.cached))
        yield from ((what, value) for what, value in said if value)
        rest += one.children


def _difference(key: tuple[str, Measure], a: Sequence[float], b: Sequence[float], level: float) -> Difference:
    node, measure = key
    interval = newcombe if measure == "failed" else welch
    enough = min(len(a), len(b)) >= LEAST_RUNS
    bounds = interval(a, b, ERROR) if enough else None
    careful = interval(a, b, level) if enough else None
    low, high = bounds if bounds is not None else (None, None)
    differs = careful is not None and not careful[0] <= 0 <= careful[1]
    mean_a, mean_b = fmean(a), fmean(b)
    return Difference(
        node=node, measure=measure, a=mean_a, b=mean_b, difference=mean_b - mean_a, low=low, high=high, differs=differs
    )


def welch(a: Sequence[float], b: Sequence[float], level: float) -> tuple[float, float]:
    """Return the bounds of mean(b) - mean(a) that miss it in a share of ``level``; where nothing varies, itself."""
    var_a, var_b = variance(a) / len(a), variance(b) / len(b)
    error = math.sqrt(var_a + var_b)
    difference = fmean(b) - fmean(a)
    if error <= 1e-12 * max(1.0, abs(difference)):
        return difference, difference
    df = (var_a + var_b) ** 2 / (var_a**2 / (len(a) - 1) + var_b**2 / (len(b) - 1))
    half = quantile(1 - level / 2, max(1.0, df)) * error
    return difference - half, difference + half


def newcombe(a: Sequence[float], b: Sequence[float], level: float) -> tuple[float, float]:
    """Return the bounds of the difference of two shares of ones, share(b) - share(a)."""
    z = NormalDist().inv_cdf(1 - level / 2)
    share_a, share_b = fmean(a), fmean(b)
    (low_a, high_a), (low_b, high_b) = wilson(share_a, len(a), z), wilson(share_b, len(b), z)
    difference = share_b - share_a
    low = difference - math.hypot(share_b - low_b, high_a - share_a)
    return low, difference + math.hypot(high_b - share_b, share_a - low_a)


def _usages(a: _Group, b: _Group) -> list[Usages]:
    """Return what the groups used in different shares of their runs, the largest differences first."""
    found = [
        Usages(node=node, what=what, value=value, a=a.used[node, what, value], b=b.used[node, what, value])
        for node, what, value in {*a.used, *b.used}
    ]
    shares = _shares(a.runs, b.runs)
    found = [one for one in found if shares(one) > 0]
    return sorted(found, key=lambda one: (-shares(one), one.node, one.what, one.value))


def _shares(runs_a: int, runs_b: int) -> Callable[[Usages], float]:
    def apart(one: Usages) -> float:
        return abs(one.a / max(1, runs_a) - one.b / max(1, runs_b))

    return apart
