"""Passed and failed cases: McNemar's exact test, the chances of k repeats, and cases whose repeats disagree."""

import math
from collections.abc import Mapping, Sequence

from schemas.prompts.evaluations import AtK, Flip, McNemar
from services.prompts.evaluations.figures.gathered import mean

#: More repeats than this are not shown one by one.
MOST_K = 10

Passes = Mapping[str, Sequence[bool]]
"""For each case, whether each repeat passed."""


def mcnemar(gained: int, lost: int) -> McNemar:
    """Return the exact test of cases that one version passes and the other fails.

    If both were equal, each such case would be a toss of a coin. ``p`` is two-sided (McNemar, 1947).
    """
    n, ways, tail = gained + lost, 1, 0
    for k in range(min(gained, lost) + 1):
        tail += ways
        ways = ways * (n - k) // (k + 1)
    return McNemar(gained=gained, lost=lost, p=min(1.0, 2 * tail / 2**n))


def majority(passes: Sequence[bool]) -> bool:
    """Return whether more than half of the repeats pass."""
    return 2 * sum(passes) > len(passes)


def gained_and_lost(before: Passes, after: Passes) -> tuple[int, int]:
    """Return in how many cases only the later version passes, and only the earlier. A case passes by majority."""
    pairs = [(majority(before[case]), majority(after[case])) for case in before.keys() & after.keys()]
    return sum(new and not old for old, new in pairs), sum(old and not new for old, new in pairs)


def at_k(passes: Passes) -> list[AtK]:
    """Return pass@k and pass^k for each k up to the fewest repeats of a case, without bias (Chen et al., 2021)."""
    least = min(map(len, passes.values()), default=0)
    return [
        AtK(
            k=k,
            any=mean([any_of(len(one), sum(one), k) for one in passes.values()]),
            all=mean([all_of(len(one), sum(one), k) for one in passes.values()]),
        )
        for k in range(1, min(least, MOST_K) + 1)
    ]


def any_of(repeats: int, passed: int, k: int) -> float:
    """Return the chance that ``k`` of the repeats have one that passes."""
    return 1 - math.comb(repeats - passed, k) / math.comb(repeats, k)


def all_of(repeats: int, passed: int, k: int) -> float:
    """Return the chance that ``k`` of the repeats all pass."""
    return math.comb(passed, k) / math.comb(repeats, k)


def flips(passes: Passes) -> list[Flip]:
    """Return the cases of which some repeats pass and some fail."""
    return [
        Flip(case_id=case, passed=sum(one), repeats=len(one))
        for case, one in sorted(passes.items())
        if 0 < sum(one) < len(one)
    ]
