"""The provider that quotas are measured against enforces its limits, as a window and as a bucket."""

from bench.quotas.provider import MINUTE_S, Meter


def test_a_window_is_full_again_at_its_end() -> None:
    meter = Meter(10, "window", 0, at_s=100.0)
    meter.refill(100 + MINUTE_S - 0.1)
    assert meter.left == 0
    meter.refill(100 + MINUTE_S + 1)
    assert (meter.left, meter.at_s) == (10, 100 + MINUTE_S)
    assert meter.reset_s(100 + MINUTE_S + 1) == MINUTE_S - 1


def test_a_bucket_refills_all_the_time_and_not_over_its_size() -> None:
    meter = Meter(10, "bucket", 0, at_s=100.0)
    meter.refill(100 + MINUTE_S / 2)
    assert meter.left == 5
    assert meter.reset_s(0) == MINUTE_S / 2
    meter.refill(100 + MINUTE_S * 3)
    assert meter.left == 10
