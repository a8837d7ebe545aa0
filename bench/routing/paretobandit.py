"""The market inside the ``paretobandit`` wheel: 3,609 prompts and what three models got and cost at each.

The package is no dependency. Its wheel is read where ``PARETOBANDIT_WHEEL`` says; its code is not run.
"""

import json
import os
import random
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.routing.market import CHEAPER, DEGRADED, RECOVERED, ROUTES, Market, Offer

VARIABLE = "PARETOBANDIT_WHEEL"
_FILES = tuple(f"pareto_bandit/data/examples/{name}.jsonl" for name in ("val", "test_holdout"))
#: In the order of ``ROUTES``: dear, middle, cheap.
MODELS = ("google/gemini-2.5-pro", "mistralai/mistral-large-2512", "meta-llama/llama-3.1-8b-instruct")
_NANO = 1_000_000_000

Row = tuple[tuple[float, int], ...]


def wheel() -> Path | None:
    """Return the wheel, if there is one."""
    place = os.environ.get(VARIABLE, "")
    return Path(place) if place and Path(place).is_file() else None


def rows_of(file: Path) -> list[Row]:
    """Return score and cost in nano-dollars of each model, by prompt."""
    with zipfile.ZipFile(file) as opened:
        lines = [line for name in _FILES for line in opened.read(name).splitlines()]
    arms = [json.loads(line)["arms"] for line in lines]
    return [tuple((one[model]["reward"], int(one[model]["cost"] * _NANO)) for model in MODELS) for one in arms]


@dataclass(frozen=True)
class RealMarket(Market):
    """Prompts of the wheel, drawn at random; the drifts are those of ``Market``."""

    rows: Sequence[Row] = ()

    def __post_init__(self) -> None:
        """Take qualities and costs from the rows."""
        means = [[sum(row[route][part] for row in self.rows) / len(self.rows) for route in range(3)] for part in (0, 1)]
        object.__setattr__(self, "qualities", means[0])
        object.__setattr__(self, "costs_nano", [int(cost) for cost in means[1]])

    @cached_property
    def _drift(self) -> tuple[range, int]:
        return range(self._at(DEGRADED), self._at(RECOVERED)), self._at(CHEAPER)

    def offers(self, call: int, rng: random.Random) -> list[Offer]:
        """Return what each model got at a prompt."""
        row, (degraded, cheaper) = rng.choice(self.rows), self._drift
        found = []
        for route in range(len(ROUTES)):
            score, cost_nano = row[route]
            if call in degraded and route == self.best_at_first:
                score /= 2
            if call >= cheaper and route == 0:
                cost_nano //= 20
            found.append(Offer(score, score, cost_nano))
        return found
