"""Scores of live answers of a simulated prompt: they fall in the middle, and some come twice."""

from __future__ import annotations

from random import Random

from schemas.records.base import Record
from tests.support.quality import answer_scored

ANSWERS = 110
FALL = 50
#: How many places later a repeat may come.
LATER = 30


def said(rng: Random) -> list[Record]:
    """Return all scores, in the order of the log."""
    placed: list[tuple[float, Record]] = []
    for number in range(ANSWERS):
        score = rng.choice((0.8, 0.9, 1.0)) if number < FALL else rng.choice((0.0, 0.1, 0.2))
        version = 1 if number % 3 else 2
        placed.append((number, answer_scored(number, score, version=version)))
        if rng.random() < 0.2:  # a process that died scores again, perhaps another way
            again = score if rng.random() < 0.7 else 1.0 - score
            placed.append((number + rng.random() * LATER, answer_scored(number, again, version=version)))
    placed.sort(key=lambda one: one[0])
    return [record for _, record in placed]
