"""Judges semantic hits: the threshold is tuned on one half of the pairs, and the other half has no intent of it."""

from collections.abc import Sequence
from typing import NamedTuple

from bench.caching.pairs import Pair, pairs, strangers
from connectors.embeddings.static import StaticEmbedder
from services.caching.guards import veto

#: Candidates, in hundredths.
_THRESHOLDS = [n / 100 for n in range(50, 100)]
#: What the least threshold is raised by, since other prompts are not those of the pairs.
MARGIN = 0.05


class Judgement(NamedTuple):
    """How the threshold does on the half that it was not tuned on; ``same`` and ``hard`` are numbers of pairs."""

    threshold: float
    hits_percent: float
    false_percent: float
    unguarded_percent: float
    same: int
    hard: int


class _Scored(NamedTuple):
    pair: Pair
    likeness: float
    vetoed: bool


def judged() -> Judgement:
    """Tune and judge. Raises ``ImportError`` where the model is not installed."""
    model = StaticEmbedder()
    threshold = tuned(model)
    found = _scored(model, pairs(1))
    same, hard = [one for one in found if not one.pair.rule], [one for one in found if one.pair.rule]
    alike = sum(one.likeness >= threshold for one in hard)
    return Judgement(
        threshold, _share(same, threshold), _share(hard, threshold), 100 * alike / len(hard), len(same), len(hard)
    )


def tuned(model: StaticEmbedder) -> float:
    """Return the least threshold without a false hit among hard negatives and strangers, and a margin."""
    wrong = _scored(model, [*(pair for pair in pairs(0) if pair.rule), *strangers(0)])
    least = next(one for one in _THRESHOLDS if not _share(wrong, one))
    return least + MARGIN


def _share(found: Sequence[_Scored], threshold: float) -> float:
    return 100 * sum(one.likeness >= threshold and not one.vetoed for one in found) / len(found)


def _scored(model: StaticEmbedder, found: Sequence[Pair]) -> list[_Scored]:
    return [_Scored(pair, _likeness(model, pair), veto(pair.one, pair.other) is not None) for pair in found]


def _likeness(model: StaticEmbedder, pair: Pair) -> float:
    return sum(a * b for a, b in zip(model.vector(pair.one), model.vector(pair.other), strict=True))
