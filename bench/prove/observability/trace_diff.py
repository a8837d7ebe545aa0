"""Lines of the comparison of runs: planted differences found, what follows from them set apart, equal runs equal."""

import time
from collections.abc import Sequence

from bench.lines import Line
from bench.observability.pairs import KINDS, PlantedPair, equal_pair, large_pair, planted_pair
from bench.prove.area import Aim, at_least, at_most, line_of
from deploy.local.engines.progress import Progress
from services.observability.diff.divergence import Compared, compare
from services.observability.diff.kinds import node_id_of

PAIRS, QUICK_PAIRS = 500, 90
EQUAL, QUICK_EQUAL = 200, 40
SPANS = 10_000
_WHOLE_NODE = frozenset({"definition", "prompt"})

AIMS = (
    Aim("diff_first_right_pct", "%", at_least(95), at_least(99)),
    Aim("consequences_named_as_causes", "steps", at_most(0), at_most(0)),
    Aim("equal_differ", "pairs", at_most(0), at_most(0)),
    Aim("diff_10000_s", "s", at_most(2), at_most(0.5)),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Compare pairs with one planted difference each, pairs without any, and one large pair."""
    pairs, equal = (QUICK_PAIRS, QUICK_EQUAL) if quick else (PAIRS, EQUAL)
    progress(f"comparison of runs: {pairs} pairs with a planted difference, {equal} equal ones")
    planted = [planted_pair(n // len(KINDS), KINDS[n % len(KINDS)]) for n in range(pairs)]
    found = [(pair, compare(pair.a, pair.b)) for pair in planted]
    differ = sum(not compare(pair.a, pair.b).equal for pair in map(equal_pair, range(equal)))
    right = sum(first_is_right(pair, one) for pair, one in found)
    named = sum(len(_wrong(pair, one)) for pair, one in found)
    lasted = _large()
    return [
        line_of(AIMS, "diff_first_right_pct", 100 * right / pairs, f"{pairs} pairs, 9 kinds, step and kind right"),
        line_of(AIMS, "consequences_named_as_causes", float(named), f"in {pairs} pairs"),
        line_of(AIMS, "equal_differ", float(differ), f"of {equal}, which differ in ids, times and retries"),
        line_of(AIMS, "diff_10000_s", lasted, f"{SPANS} spans against {SPANS}"),
    ]


def first_is_right(pair: PlantedPair, found: Compared) -> bool:
    """Return whether step and kind are those planted. A changed node is right at any child of its map."""
    first = found.first
    return first is not None and first.kind == pair.kind and _is_at(pair, first.step)


def _is_at(pair: PlantedPair, step: str) -> bool:
    return step == pair.step or (pair.kind in _WHOLE_NODE and node_id_of(step) == pair.step)


def _wrong(pair: PlantedPair, found: Compared) -> list[str]:
    return [cause.step for cause in found.causes if not _is_at(pair, cause.step)]


def _large() -> list[float]:
    pair, seconds = large_pair(SPANS), []
    for _ in range(3):
        begun = time.perf_counter()
        found = compare(pair.a, pair.b)
        seconds.append(time.perf_counter() - begun)
        assert first_is_right(pair, found)
    return seconds
