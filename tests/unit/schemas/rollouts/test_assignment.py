"""Assignment by hash: even, sticky, and only towards the canary when its ratio grows."""

import pytest

from schemas.rollouts.assignment import arm_of, assigned


def test_place_is_a_pinned_function_of_salt_and_entity() -> None:
    assert arm_of("salt", "ann") == 0.8832407341947628  # another value would move the users of a running rollout


def test_places_are_even() -> None:
    places = sorted(arm_of("s", f"u{n}") for n in range(4_000))
    assert max(abs(place - n / 4_000) for n, place in enumerate(places)) < 1.95 / 4_000**0.5  # Kolmogorov at 0.001


def test_growing_ratio_moves_to_the_canary_only() -> None:
    for number in range(2_000):
        arms = [assigned("s", f"u{number}", ratio) for ratio in (0.0, 0.01, 0.1, 0.5, 1.0)]
        assert arms == sorted(arms, reverse=True)  # "stable" sorts after "canary"
        assert (arms[0], arms[-1]) == ("stable", "canary")


def test_salt_and_entity_cannot_be_mixed_up() -> None:
    assert arm_of("ab", "c") != arm_of("a", "bc")


@pytest.mark.parametrize("ratio", [0.1, 0.5])
def test_share_is_the_ratio(ratio: float) -> None:
    canaries = sum(assigned("s", f"u{n}", ratio) == "canary" for n in range(10_000))
    assert abs(canaries / 10_000 - ratio) <= 3 * (ratio * (1 - ratio) / 10_000) ** 0.5
