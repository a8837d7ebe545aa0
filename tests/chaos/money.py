"""Money, counted twice: what the provider answered, by idempotency key, against what was settled."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from connectors.prices import book
from schemas.records.money import CostEvent
from tests.chaos.workflows import MODEL_NAME

Answers = Mapping[str, Sequence[tuple[int, int]]]
"""Of each idempotency key the answers that the provider made: input and output tokens."""


@dataclass(frozen=True, slots=True)
class Bill:
    """Nano-dollars; ``billed`` once for each key, as a provider does that honours idempotency keys.

    ``unsettled`` was answered and is in no settlement, ``invented`` was settled and never answered, ``mispriced`` is
    off although the answer is there. ``repeats`` is the part of ``unsettled`` that was answered under a key of which
    another answer is settled. ``presumed`` stands for calls whose outcome nobody knows. ``keys`` are the first that
    make a difference.
    """

    billed: int
    settled: int
    unsettled: int
    invented: int
    mispriced: int
    repeats: int
    presumed: int
    unknown_calls: int
    keys: tuple[str, ...]

    @property
    def difference(self) -> int:
        """What must be zero."""
        return self.unsettled + self.invented + self.mispriced


def bill(answers: Answers, settlements: Iterable[CostEvent]) -> Bill:
    """Compare. ``settlements`` has one of each call: the one that counts.

    A repeated call has an id of its own and the same key. Each answer must have an actual settlement of just its price
    or, where whoever asked did not live to hear it, a presumed one, since the log knew of the call before it was made;
    and no actual one may lack an answer.
    """
    actual: dict[str, list[int]] = defaultdict(list)
    presumed: dict[str, list[int]] = defaultdict(list)
    for cost in settlements:
        if cost.kind == "presumed":
            presumed[key_of(cost.call_id)].append(cost.amount_nano)
        elif cost.amount_nano:
            actual[key_of(cost.call_id)].append(cost.amount_nano)
    unsettled = invented = mispriced = repeats = 0
    wrong: list[str] = []
    for key in answers.keys() | actual.keys():
        made = [price(*tokens) for tokens in answers.get(key, ())]
        paid = actual.get(key, [])
        one = made[0] if made else 0
        missing = max(0, len(made) - len(paid) - len(presumed.get(key, ())))
        alone = missing == len(made)
        more, off = sum(paid[len(made) :]), sum(abs(amount - one) for amount in paid[: len(made)])
        if missing or more or off:
            wrong.append(key)
        unsettled += missing * one
        repeats += 0 if alone else missing * one
        invented += more
        mispriced += off
    return Bill(
        billed=sum(price(*made[0]) for made in answers.values() if made),
        settled=sum(map(sum, actual.values())),
        unsettled=unsettled,
        invented=invented,
        mispriced=mispriced,
        repeats=repeats,
        presumed=sum(map(sum, presumed.values())),
        unknown_calls=sum(map(len, presumed.values())),
        keys=tuple(sorted(wrong)[:5]),
    )


def key_of(call_id: str) -> str:
    """Return the idempotency key that a call was made with: its attempt's id."""
    return call_id.rpartition("@")[0]


def price(input_tokens: int, output_tokens: int) -> int:
    """Return what an answer costs, worked out from the price list alone."""
    return int(input_tokens * _PER_TOKEN[0] + output_tokens * _PER_TOKEN[1])


def _per_token() -> tuple[Decimal, Decimal]:
    listed = json.loads(Path(book.__file__).with_name("override.json").read_text())
    own = next(entry for entry in listed if (entry["provider"], entry["model"]) == ("local", MODEL_NAME))
    return Decimal(own["input_usd_per_mtok"]) * 1000, Decimal(own["output_usd_per_mtok"]) * 1000


_PER_TOKEN = _per_token()
