"""First-divergence detection: pairs of live and shadow answers, tested for equality at every pair.

A shadow asks a pinned reference what a live call asked. While both answer alike, a pair differs with a probability of
``differs_most`` at most, whatever came before (the null hypothesis). A bet on more differences multiplies its wealth by
``q / p`` at a pair that differs and by ``(1 - q) / (1 - p)`` at one that does not, ``p`` being that bound; its expected
wealth never grows under the null. So the chance that it ever reaches ``1 / alpha`` is ``alpha`` at most (Ville 1939): a
look at every pair costs nothing. Bets on several ``q`` and on several beginnings are mixed, and a mixture of bets is a
bet: a change is found whenever it comes (Shin, Ramdas and Rinaldo, "E-detectors", 2023, mix beginnings in this way).

Wealth starts again after an ``epoch`` of pairs, for otherwise bets on late changes would have nearly none. So ``alpha``
is the chance of a false alarm of an epoch, over all groups: the n-th group gets its share ``1 / (n (n + 1))``.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

#: How often a pair may differ, under a change: from nearly always to one in fifty.
_SHARES = (0.95, 0.6, 0.25, 0.08, 0.02)


@dataclass(frozen=True, slots=True)
class DivergenceSettings:
    """``alpha`` bounds false alarms of an epoch, ``differs_most`` how often equal models differ, by chance."""

    alpha: float = 0.001
    differs_most: float = 0.001
    epoch: int = 200

    def __post_init__(self) -> None:
        if not (0 < self.alpha < 1 and 0 < self.differs_most < min(_SHARES) and self.epoch >= 1):
            raise ValueError(
                f"alpha {self.alpha} must be in (0, 1), differs_most {self.differs_most} in (0, {min(_SHARES)}), and "
                f"an epoch, here {self.epoch}, at least 1 pair"
            )


class EqualityTest:
    """The wealth of one group. ``e_value`` is what it has made of 1 by now; ``pairs`` and ``different`` are counts."""

    def __init__(self, settings: DivergenceSettings) -> None:
        self._settings = settings
        self.pairs = self.different = 0
        self._wealth = [0.0] * len(_SHARES)
        self._begun = 0

    def add(self, differs: bool) -> float:
        """Add a pair; return the e-value."""
        p, epoch = self._settings.differs_most, self._settings.epoch
        if self._begun == epoch:
            self._begun, self._wealth = 0, [0.0] * len(_SHARES)
        self._begun += 1
        self.pairs += 1
        self.different += differs
        for place, q in enumerate(_SHARES):
            # The bet that begins at this pair joins with its part of the stake.
            factor = q / p if differs else (1 - q) / (1 - p)
            self._wealth[place] = (self._wealth[place] + 1 / epoch) * factor
        return self.e_value

    @property
    def e_value(self) -> float:
        """The mean of the bets, with the stakes that have not begun."""
        return sum(self._wealth) / len(_SHARES) + (1 - self._begun / self._settings.epoch)


@dataclass(frozen=True, slots=True)
class Divergence:
    """A group whose answers are no longer those of the reference. ``run_id`` is that of the pair that showed it."""

    group: str
    run_id: str
    pairs: int
    different: int
    e_value: float


class Watch:
    """Tests all groups (a route, or a node) of a stream of pairs; each alarms once, until it is ``accepted``."""

    def __init__(self, settings: DivergenceSettings | None = None) -> None:
        self._settings = settings or DivergenceSettings()
        self._tests: dict[str, EqualityTest] = {}
        self._limits: dict[str, float] = {}
        self._alarmed: set[str] = set()

    def add(self, group: str, run_id: str, *, differs: bool) -> Divergence | None:
        """Add a pair; return the divergence that it shows, if it is the one that does."""
        test = self._tests.get(group)
        if test is None:
            test = self._tests[group] = EqualityTest(self._settings)
            number = len(self._tests)
            self._limits[group] = number * (number + 1) / self._settings.alpha
        found = test.add(differs)
        if group in self._alarmed or found < self._limits[group]:
            return None
        self._alarmed.add(group)
        return Divergence(group, run_id, test.pairs, test.different, found)

    def accept(self, group: str) -> None:
        """Start a group again, after its reference was replaced."""
        self._alarmed.discard(group)
        if group in self._tests:
            self._tests[group] = EqualityTest(self._settings)


class ShadowShare:
    """Chooses which runs have a shadow: one of each ``1 / share`` in a row, at a place that chance decides.

    So a share of 1% is three of any 300 runs, where a coin for each would be none of them in one case of twenty.
    """

    def __init__(self, share: float, seed: int | str = 0) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"a share is over 0 and at most 1, not {share}")
        self._places = _places(round(1 / share), random.Random(seed))  # noqa: S311 - it hides nothing

    def takes(self) -> bool:
        """Return whether the next run has a shadow."""
        return next(self._places)


def _places(block: int, dice: random.Random) -> Iterator[bool]:
    while True:
        chosen = dice.randrange(block)
        yield from (place == chosen for place in range(block))
