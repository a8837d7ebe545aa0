"""A blocked event loop is noticed from outside of it; a process that was suspended as a whole is not blocked."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from streams.process import health as module
from streams.process.dependencies import Dependencies
from streams.process.health import BEAT_S, EventLoopWatch, Health

STALL_S = 0.4


@contextmanager
def watched(health: Health) -> Iterator[list[float]]:
    found: list[float] = []
    watch = EventLoopWatch(health, every_s=0.05, on_stuck=found.append)
    watch.start()
    try:
        yield found
    finally:
        watch.end()


def test_a_blocked_loop_is_reported_once_it_has_stood_for_the_time() -> None:
    health = Health([], Dependencies({}), stall_s=STALL_S)
    with watched(health) as found:
        health.look()
        time.sleep(BEAT_S)
        assert found == []
        time.sleep(3 * STALL_S)
    assert found
    assert found[0] >= STALL_S


def test_a_process_that_was_suspended_is_not_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    away = 0.0
    real = time.monotonic

    class Clock:
        monotonic = staticmethod(lambda: real() + away)

    monkeypatch.setattr(module, "time", Clock)
    health = Health([], Dependencies({}), stall_s=STALL_S)
    with watched(health) as found:
        health.look()
        time.sleep(0.12)
        away = 100.0
        time.sleep(0.12)
        assert health.loop_still_s() > 90
        health.look()
        time.sleep(0.12)
    assert found == []
