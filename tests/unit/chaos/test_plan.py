"""The plan of faults: the same for a seed anywhere, over in time, never too much at once."""

from collections.abc import Sequence

import pytest

from tests.chaos.plan import KINDS, MAX_AT_ONCE, ON_LINKS, Fault, draw
from tests.chaos.stack import TARGETS

SEEDS = range(1, 30)


@pytest.mark.parametrize("seconds", [20, 55, 600])
def test_every_fault_is_over_in_time(seconds: float) -> None:
    for seed in SEEDS:
        faults = draw(seed, seconds, TARGETS)
        assert faults
        assert all(f.at_s > 0 and f.at_s + f.lasts_s <= seconds for f in faults)
        assert [f.at_s for f in faults] == sorted(f.at_s for f in faults)


def test_a_seed_gives_the_same_plan_and_another_seed_another_one() -> None:
    assert draw(7, 300, TARGETS) == draw(7, 300, TARGETS)
    assert draw(7, 300, TARGETS) != draw(8, 300, TARGETS)


def test_at_most_a_few_faults_overlap_and_a_target_has_one_at_a_time() -> None:
    for seed in SEEDS:
        faults = draw(seed, 300, TARGETS)
        for fault in faults:
            others = [f for f in faults if f.at_s <= fault.at_s < f.free_at_s]
            assert len(others) <= MAX_AT_ONCE
            assert len({f.target for f in others}) == len(others)


def test_five_minutes_hit_every_process_and_every_kind() -> None:
    for seed in SEEDS:
        faults = draw(seed, 295, TARGETS)
        assert {f.kind for f in faults} == set(KINDS)
        killed = {f.target for f in faults if f.kind == "kill"}
        assert killed == set(TARGETS.processes)
        assert {f.target for f in faults if f.kind == "stop"} == {*TARGETS.processes, *TARGETS.stopped_only}


def test_what_must_live_is_never_killed_and_links_are_real() -> None:
    named = {f"{role}>{engine}" for role, engines in TARGETS.links.items() for engine in engines}
    named |= {f"*>{engine}" for engines in TARGETS.links.values() for engine in engines}
    for seed in SEEDS:
        for fault in draw(seed, 300, TARGETS):
            assert (fault.kind in ON_LINKS) == (fault.target in named)
            assert fault.kind != "kill" or fault.target not in TARGETS.stopped_only


def test_a_fault_says_what_it_does() -> None:
    assert said([Fault(1, "stop", "kafka", 7.25), Fault(1, "delay", "api>redis", 2.0, 120)]) == [
        "stop kafka for 7.2 s",
        "delay api>redis by 120 ms for 2.0 s",
    ]
    assert said([Fault(1, "flush", "redis"), Fault(1, "throttle", "*>kafka", 3.0, 8_000)]) == [
        "flush redis",
        "throttle *>kafka to 8 kB/s for 3.0 s",
    ]


def said(faults: Sequence[Fault]) -> list[str]:
    return [" ".join(str(fault).split()) for fault in faults]
