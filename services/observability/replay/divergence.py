"""Which live answers are compared with those of a pinned reference, how often, and when two answers differ.

The file that ``REFERENCES_FILE`` names has the watches. What the pairs add up to is the fold of ``quality-scores``, see
``schemas.tables.equality``.
"""

import random
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.ids import canonical_hash
from schemas.values.fields import file_faults
from schemas.values.json_text import write_json

VARIABLE = "REFERENCES_FILE"
ANY = "*"
#: Below the smallest share of differing answers that the test bets on.
MOST_BY_CHANCE = 0.01
#: Longer texts are compared by their beginnings, since a comparison takes quadratic time.
COMPARED_CHARS = 4_000
_NANO = 1_000_000_000

_Route = Annotated[str, Field(pattern=r"^[^/\s]{1,100}/\S{1,200}$", description="provider/model")]


class Watch(BaseModel):
    """Answers of ``model`` that are compared with those of ``reference``; the fields are in docs/how-to/quality.md.

    Answers that are ``alike`` to a share below this differ; with 1 equal ones alone do not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    organisation: Annotated[str, Field(min_length=1, max_length=64)]
    prompt: Annotated[str, Field(min_length=1, max_length=128)] = ANY
    model: _Route
    reference: _Route
    share: Annotated[float, Field(gt=0, le=1)] = 0.01
    alike: Annotated[float, Field(gt=0, le=1)] = 1.0
    differs_most: Annotated[float, Field(gt=0, le=MOST_BY_CHANCE)] = 0.001
    alpha: Annotated[float, Field(gt=0, le=0.1)] = 0.001
    budget_usd_per_day: Annotated[float, Field(gt=0, le=1_000_000)] = 1.0

    def covers(self, org_id: str, prompt: str, model: str) -> bool:
        """Return whether an answer is watched. ``model`` is ``provider/model``."""
        return self.organisation == org_id and self.model == model and self.prompt in (ANY, prompt)

    @property
    def budget_nano(self) -> int:
        """What the reference may cost in a day, in nano-dollars."""
        return round(self.budget_usd_per_day * _NANO)


class Watches(BaseModel):
    """The file that ``REFERENCES_FILE`` names. The first watch that covers an answer counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    watches: tuple[Watch, ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        seen: set[tuple[str, str, str]] = set()
        for one in self.watches:
            key = (one.organisation, one.prompt, one.model)
            if key in seen:
                raise ValueError(f"{one.model} of {one.organisation} is watched twice for the prompt {one.prompt}")
            seen.add(key)
        return self

    @classmethod
    def load(cls, file: str) -> "Watches":
        """Read a YAML file; no name is no watch. Raises ``ValueError`` that names the place of a mistake."""
        if not file:
            return cls()
        with file_faults(f"the file of references {file}", VARIABLE):
            try:
                return cls.model_validate(yaml.safe_load(Path(file).read_text("utf-8")) or {})
            except yaml.YAMLError as exc:
                raise ValueError(
                    f"the file of references {file} is not YAML: {' '.join(str(exc).split())}; see {VARIABLE}"
                ) from exc


def differ(shown: object, other: object, alike: float) -> bool:
    """Return whether two answers differ: below this share of their texts matches in order (Ratcliff, Obershelp)."""
    first, second = (one.strip() if isinstance(one, str) else one for one in (shown, other))
    if canonical_hash(first) == canonical_hash(second):
        return False
    if alike == 1:
        return True
    return SequenceMatcher(None, _text(first), _text(second), autojunk=False).ratio() < alike


def _text(answer: object) -> str:
    return (answer if isinstance(answer, str) else write_json(answer).decode())[:COMPARED_CHARS]


class ShadowShare:
    """Chooses which calls have a shadow: one of each ``1 / share`` in a row, at a place that chance decides.

    So a share of 1% is three of any 300 calls, where a coin for each would be none of them in one case of twenty.
    """

    def __init__(self, share: float, seed: int | str | None = None) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"a share is over 0 and at most 1, not {share}")
        self._places = _places(round(1 / share), random.Random(seed))  # noqa: S311 - it hides nothing

    def takes(self) -> bool:
        """Return whether the next call has a shadow."""
        return next(self._places)


def _places(block: int, dice: random.Random) -> Iterator[bool]:
    while True:
        chosen = dice.randrange(block)
        yield from (place == chosen for place in range(block))
