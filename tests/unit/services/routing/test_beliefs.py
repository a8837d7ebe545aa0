import random

import pytest

from services.routing.beliefs import FLOOR, Belief, probabilities


def drawn_shares(beliefs: list[Belief], draws: int = 40_000) -> list[float]:
    """The same by brute force: how often each has the highest of values drawn from the beliefs."""
    rng, won = random.Random(1), [0] * len(beliefs)
    for _ in range(draws):
        values = [rng.gauss(*belief) for belief in beliefs]
        won[values.index(max(values))] += 1
    return [(1 - FLOOR) * n / draws + FLOOR / len(beliefs) for n in won]


@pytest.mark.parametrize(
    "beliefs",
    [
        [Belief(0.5, 0.1), Belief(0.5, 0.1)],
        [Belief(0.5, 0.1), Belief(0.6, 0.05), Belief(0.4, 0.2)],
        [Belief(0.5, 0.02), Belief(0.45, 0.02), Belief(0.9, 0.01)],
    ],
)
def test_probabilities_are_those_of_thompson_sampling(beliefs: list[Belief]) -> None:
    assert probabilities(beliefs) == pytest.approx(drawn_shares(beliefs), abs=0.02)


def test_probabilities_sum_to_one_and_keep_the_floor() -> None:
    rng = random.Random(2)
    for _ in range(300):
        beliefs = [Belief(rng.uniform(-3, 3), rng.choice([0.0, 1e-9, 0.1, 2.0])) for _ in range(rng.randint(1, 7))]
        shares = probabilities(beliefs)
        assert sum(shares) == pytest.approx(1)
        assert min(shares) >= FLOOR / len(beliefs) * 0.999


def test_single_route_is_certain() -> None:
    assert probabilities([Belief(0.1, 0.5)]) == [1.0]
