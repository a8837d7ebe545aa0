"""KEDA's formula, and the slow way down."""

import pytest

from deploy.sizing.autoscaling import Autoscaler, wished


@pytest.mark.parametrize(
    ("lags", "wish"),
    [
        ({}, 1),
        ({"a": [0, 0, 0]}, 1),
        ({"a": [40, 0, 0]}, 1),
        ({"a": [41, 0, 0]}, 2),
        ({"a": [1_000, 0, 0]}, 3),  # one for each partition at most
        ({"a": [40] * 12, "b": [0] * 12}, 6),
        ({"a": [40, 40, 0], "b": [40, 40, 40]}, 3),
    ],
)
def test_the_wish(lags: dict[str, list[int]], wish: int) -> None:
    assert wished(lags, 40, 1, 6) == wish


def test_it_goes_up_at_once_and_down_one_at_a_time() -> None:
    scaler = Autoscaler(40, 1, 6, down_every_s=60)
    assert scaler.step({"a": [400] * 6}, 0) == 6
    assert [scaler.step({"a": [0] * 6}, at) for at in (15, 60, 75, 100, 135, 195)] == [6, 6, 5, 5, 4, 3]


def test_a_lag_that_comes_back_does_not_make_it_flap() -> None:
    scaler = Autoscaler(40, 1, 6, down_every_s=60)
    counts = [scaler.step({"a": [lag] * 6}, 15.0 * n) for n, lag in enumerate([30, 0, 30, 0, 30, 0, 30, 0])]
    assert counts == [5] * 8
