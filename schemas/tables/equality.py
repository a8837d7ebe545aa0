"""Whether answers of a model are those of a reference, tested at every pair: an e-process.

While both answer alike, a pair differs with a probability of ``differs_most`` at most, whatever came before (the null
hypothesis). A bet on more differences multiplies its wealth by ``q / p`` at a pair that differs and by
``(1 - q) / (1 - p)`` at one that does not, ``p`` being that bound; its expected wealth never grows under the null. So
the chance that it ever reaches ``1 / alpha`` is ``alpha`` at most (Ville 1939): a look at every pair costs nothing.
Bets on several ``q`` and on several beginnings are mixed, and a mixture of bets is a bet: a change is found whenever it
comes (Shin, Ramdas and Rinaldo, "E-detectors", 2023, mix beginnings in this way).

Wealth starts again after an ``EPOCH`` of pairs, for otherwise bets on late changes would have nearly none. So ``alpha``
is the chance of a false alarm of an epoch, over all series of a prompt: the n-th gets its share ``1 / (n (n + 1))``.
"""

from msgspec.structs import replace

from schemas.tables.quality import Equality

#: How often a pair may differ, under a change: from nearly always to one in fifty.
SHARES = (0.95, 0.6, 0.25, 0.08, 0.02)
EPOCH = 200


def limit_of(alpha: float, number: int) -> float:
    """Return the wealth at which the ``number``-th series of a prompt, from 1, is certain."""
    return number * (number + 1) / alpha


def with_pair(before: Equality, *, differs: bool, differs_most: float) -> Equality:
    """Return the bets after one more pair. ``differs_most`` is below the smallest of ``SHARES``, or nothing is found.

    They go on after a divergence, which is said once for a reference.
    """
    begun, wealth = before.begun, before.wealth or (0.0,) * len(SHARES)
    if begun == EPOCH:
        begun, wealth = 0, (0.0,) * len(SHARES)
    # The bet that begins at this pair joins with its part of the stake.
    wealth = tuple(
        (one + 1 / EPOCH) * (q / differs_most if differs else (1 - q) / (1 - differs_most))
        for one, q in zip(wealth, SHARES, strict=True)
    )
    after = replace(
        before,
        wealth=wealth,
        begun=begun + 1,
        pairs=before.pairs + 1,
        different=before.different + differs,
    )
    return replace(after, diverged=before.diverged or e_value(after) >= before.limit)


def e_value(found: Equality) -> float:
    """Return what the bets have made of 1: their mean, with the stakes that have not begun."""
    return sum(found.wealth) / len(SHARES) + (1 - found.begun / EPOCH)
