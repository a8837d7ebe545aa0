"""Timers are data with one name each, and that name gives the timer back."""

import msgspec
import pytest

from schemas.records.run_events import TimerFired
from schemas.records.timers import (
    ApprovalTimeout,
    Backstop,
    Deadline,
    Defer,
    Detached,
    Retry,
    SignalTimeout,
    Timer,
    Wait,
    timer_id,
    timer_of,
)
from topics.catalogue import RUN_EVENTS
from topics.codec import decode, encode

TIMERS: list[Timer] = [
    Retry("fetch[3]", 2),
    Defer("a", 1, 4),
    Backstop("bot/turn-1/s3.fetch[0]", 1),
    Wait("pause", 1),
    SignalTimeout("ask", 1),
    ApprovalTimeout("ask", 1),
    Detached("run", 2),
    Deadline(),
]


@pytest.mark.parametrize("timer", TIMERS, ids=lambda timer: type(timer).__name__)
def test_a_timer_is_read_back_from_its_name_and_from_its_record(timer: Timer) -> None:
    assert timer_of(timer_id(timer)) == timer
    fired = TimerFired(run_id="r", org_id="", timer=timer, due_ms=1)
    assert decode(RUN_EVENTS, encode(fired)) == fired


def test_names_of_timers_stay_as_they_are() -> None:
    """They are members of tables that there are."""
    assert [timer_id(timer) for timer in TIMERS] == [
        '["retry","fetch[3]",2]',
        '["defer","a",1,4]',
        '["backstop","bot/turn-1/s3.fetch[0]",1]',
        '["wait","pause",1]',
        '["signal","ask",1]',
        '["approval","ask",1]',
        '["detached","run",2]',
        '["deadline"]',
    ]


def test_timers_of_one_step_and_attempt_differ_by_their_kind() -> None:
    assert (
        len({timer_id(kind("a", 1)) for kind in (Retry, Backstop, Wait, SignalTimeout, ApprovalTimeout, Detached)}) == 6
    )
    assert Retry("a", 1) != Wait("a", 1)


@pytest.mark.parametrize("named", ["", "retry:a:2", '["retry","a"]', '["later","a",1]', '["retry","a",0]', "{}"])
def test_what_names_no_timer_is_refused(named: str) -> None:
    with pytest.raises(ValueError, match="names no timer"):
        timer_of(named)


def test_a_timer_is_kept_in_a_table_as_it_is() -> None:
    data = msgspec.msgpack.encode(Defer("a", 1, 4))
    assert msgspec.msgpack.decode(data, type=Timer) == Defer("a", 1, 4)
