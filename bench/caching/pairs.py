"""Pairs of prompts that mean the same, and hard negatives that differ in one fact only.

Each pair is of one intent of ``intents.json``: a question in several wordings, with slots. A pair that means the same
has two wordings and the same values, perhaps written otherwise (``two`` and ``2``, ``5 March`` and ``March 5th``). A
hard negative has one value of another meaning, or is negated, and mostly two wordings as well; a tenth of all pairs is
without capitals. The halves have no intent in common, so a threshold that is tuned on one is judged on questions it
never saw.
"""

import json
import random
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

RULES = ("negation", "number", "entity", "date", "unit")
HALF = 300
LOWER_SHARE = 0.1
_SLOT_OF = {"number": "n", "entity": "name", "date": "date", "unit": "unit"}
_DATA: dict[str, Any] = json.loads((Path(__file__).parent / "intents.json").read_text("utf-8"))


class Pair(NamedTuple):
    """Two prompts; ``rule`` is what differs, empty when they mean the same."""

    one: str
    other: str
    rule: str


class _Intent(NamedTuple):
    said: list[str]
    negated: list[str]
    names: list[str]


def pairs(half: int, seed: int = 0) -> list[Pair]:
    """Return the 300 pairs of a half (0 to tune, 1 to judge): 150 that mean the same and 30 by each rule."""
    rng = random.Random(f"{seed}:{half}")  # noqa: S311
    intents = [_Intent(**one) for one in _DATA["intents"][half::2]]
    found = _unlike(_same(intents, rng), HALF // 2, rng)
    for rule in RULES:
        found += _unlike(_different(intents, rule, rng), HALF // 2 // len(RULES), rng)
    return found


def strangers(half: int, seed: int = 0) -> list[Pair]:
    """Return pairs of different intents of a half, with the same values where both have them."""
    rng = random.Random(f"strangers:{seed}:{half}")  # noqa: S311
    intents = [_Intent(**one) for one in _DATA["intents"][half::2]]
    found = []
    for n, one in enumerate(intents):
        for other in intents[:n]:
            values = _values(one, rng) if one.names else _values(other, rng)
            said = [_filled(rng.choice(intent.said), values, rng) for intent in (one, other)]
            found.append(Pair(said[0], said[1], "stranger"))
    return found


def _unlike(made: Iterator[Pair], most: int, rng: random.Random) -> list[Pair]:
    """Return the first pairs that are not the same, a tenth of them without capitals."""
    found: dict[Pair, None] = {}
    for pair in made:
        found[_lower(pair) if rng.random() < LOWER_SHARE else pair] = None
        if len(found) == most:
            return list(found)
    return list(found)


def _same(intents: Sequence[_Intent], rng: random.Random) -> Iterator[Pair]:
    for intent in cycle(intents):
        values = _values(intent, rng)
        one, other = rng.sample(intent.said, 2)
        yield Pair(_filled(one, values, rng), _filled(other, values, rng), "")


def _different(intents: Sequence[_Intent], rule: str, rng: random.Random) -> Iterator[Pair]:
    for intent in cycle([one for one in intents if _can(one, rule)]):
        values = _values(intent, rng)
        if rule == "negation":
            yield Pair(
                _filled(rng.choice(intent.said), values, rng), _filled(rng.choice(intent.negated), values, rng), rule
            )
            continue
        slot = _SLOT_OF[rule]
        said = [one for one in intent.said if f"{{{slot}}}" in one]
        others = [one for one in _choices(intent, slot) if one != values[slot]]
        changed = values | {slot: rng.choice(others)}
        yield Pair(_filled(rng.choice(said), values, rng), _filled(rng.choice(said), changed, rng), rule)


def _can(intent: _Intent, rule: str) -> bool:
    if rule == "negation":
        return bool(intent.negated)
    return any(f"{{{_SLOT_OF[rule]}}}" in one for one in intent.said)


def _values(intent: _Intent, rng: random.Random) -> dict[str, str]:
    return {slot: rng.choice(_choices(intent, slot)) for slot in _SLOT_OF.values() if slot != "name" or intent.names}


def _choices(intent: _Intent, slot: str) -> list[str]:
    return intent.names if slot == "name" else list(_DATA["values"][slot])


def _filled(said: str, values: dict[str, str], rng: random.Random) -> str:
    for slot, value in values.items():
        ways = [value, *_DATA["values"].get(slot, {}).get(value, [])]
        said = said.replace(f"{{{slot}}}", rng.choice(ways))
    return said


def _lower(pair: Pair) -> Pair:
    return Pair(pair.one.lower(), pair.other.lower(), pair.rule)
