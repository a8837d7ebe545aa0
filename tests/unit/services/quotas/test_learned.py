"""What rate-limit headers mean for the calls to come."""

import pytest

from schemas.limits.quotas import Observed
from services.quotas.learned import debt, is_bucket

MINUTE_MS = 60_000


@pytest.mark.parametrize(
    ("seen", "bucket"),
    [
        (Observed("requests", 60, 59, 1_000), True),
        (Observed("tokens", 100_000, 40_000, 36_000), True),
        (Observed("requests", 60, 59, 50_000), False),
        (Observed("requests", 60, 5, 10_000), False),
        (Observed("requests", 60, 5), True),
    ],
)
def test_a_bucket_is_told_from_a_window_by_its_reset(seen: Observed, bucket: bool) -> None:
    assert is_bucket(seen, MINUTE_MS) == bucket


def test_a_window_that_is_used_faster_than_it_passes_makes_calls_pause() -> None:
    assert debt(Observed("requests", 600, 100, 30_000), MINUTE_MS) == 200
    assert debt(Observed("requests", 600, 400, 30_000), MINUTE_MS) == 0


def test_a_bucket_makes_calls_pause_when_it_is_nearly_empty() -> None:
    assert debt(Observed("requests", 600, 300, 30_000), MINUTE_MS) == 0
    assert debt(Observed("requests", 600, 0, 60_000), MINUTE_MS) == 6
