"""The judges find nothing in a session that held, and each way to tamper with it is named by the right one.

``session.json.gz`` is the evidence of a real session of half a minute, recorded by::

    python -m tests.chaos --minutes 0.5 --seed 7 --in-flight 30 --runs 160 --evidence tests/unit/chaos/session.json.gz
"""

import gzip
from pathlib import Path

import msgspec
import pytest

from tests.chaos.evidence import Evidence, decode, encode
from tests.chaos.judge import JUDGES, judged
from tests.chaos.judges import acks, gaps, overspend
from tests.chaos.records import Commit, Event, Money, Request, Strike
from tests.chaos.tampers.ways import TAMPERS
from tests.chaos.workflows import SCENARIOS

SESSION = Path(__file__).with_name("session.json.gz")


@pytest.fixture(scope="module")
def session() -> Evidence:
    return decode(gzip.decompress(SESSION.read_bytes()))


def test_no_judge_finds_anything_in_a_session_that_held(session: Evidence) -> None:
    assert judged(session) == {}


def test_session_has_runs_of_every_scenario(session: Evidence) -> None:
    assert {event.workflow for event in session.submitted.values()} == {scenario.name for scenario in SCENARIOS}


@pytest.mark.parametrize("name", TAMPERS)
def test_tampered_evidence_is_named_by_its_judge(session: Evidence, name: str) -> None:
    tampered = TAMPERS[name](session)
    assert tampered is not None
    found = JUDGES[tampered.judge](tampered.evidence)
    assert any(tampered.subject in violation.subject for violation in found), found[:3]


def test_every_judge_is_tested_by_a_tamper(session: Evidence) -> None:
    tampered = [tamper(session) for tamper in TAMPERS.values()]
    assert {one.judge for one in tampered if one is not None} == set(JUDGES)


def test_evidence_survives_being_written(session: Evidence) -> None:
    assert decode(encode(session)) == session


def test_gap_is_the_settlements_that_no_outcome_names(session: Evidence) -> None:
    before = {gap.name: gap.nano for gap in gaps.find(session)}
    one = next(money for money in session.money if money.kind == "actual" and money.amount)
    more = msgspec.structs.replace(one, call=f"{one.call}0", kind="presumed", amount=7)
    after = {gap.name: gap.nano for gap in gaps.find(msgspec.structs.replace(session, money=[*session.money, more]))}
    assert after["settled, in no run"] - before["settled, in no run"] == 7


def money(session: Evidence, kind: str, amount: int, at_ms: int, offset: int, booked_at_ms: int = 0) -> Money:
    limit = next(one for one in session.budgets if one.scope == "workflow")
    return Money(
        kind=kind,
        call=f"call@{offset // 2}#1",
        org=limit.org,
        run="run",
        step="ask",
        workflow=limit.target,
        provider="local",
        model="local-echo",
        amount=amount,
        booked_at_ms=booked_at_ms or at_ms,
        partition=0,
        offset=offset,
        at_ms=at_ms,
    )


def overspent(session: Evidence, *log: Money, strikes: tuple[Strike, ...] = ()) -> list[str]:
    evidence = msgspec.structs.replace(session, money=list(log), strikes=list(strikes))
    return [violation.promise for violation in overspend.judge(evidence)]


def test_budget_holds_when_what_was_held_is_settled_before_more_is(session: Evidence) -> None:
    most = next(one.most for one in session.budgets if one.scope == "workflow")
    first, settled = money(session, "started", most, 1_000, 0), money(session, "actual", 10, 1_001, 1)
    assert overspent(session, first, settled, money(session, "started", most - 10, 1_002, 2)) == []
    assert overspent(session, first, settled, money(session, "started", most - 9, 1_002, 2)) == ["no budget is passed"]


def test_budget_may_be_passed_by_a_start_whose_hold_redis_lost(session: Evidence) -> None:
    most = next(one.most for one in session.budgets if one.scope == "workflow")
    first = money(session, "started", most, 1_000, 0)
    late = money(session, "started", 1, 9_000, 2, booked_at_ms=900)
    flush = Strike(kind="flush", target="redis", began_ms=950, ended_ms=960)
    earlier = Strike(kind="flush", target="redis", began_ms=100, ended_ms=110)
    assert overspent(session, first, late, strikes=(flush,)) == []
    assert overspent(session, first, late, strikes=(earlier,)) == ["no budget is passed"]


def test_budget_may_be_passed_by_a_start_whose_hold_was_over(session: Evidence) -> None:
    most = next(one.most for one in session.budgets if one.scope == "workflow")
    first = money(session, "started", most, 1_000, 0)
    ttl = session.hold_ttl_ms
    assert overspent(session, first, money(session, "started", 1, 900 + ttl, 2, booked_at_ms=900)) == []
    assert overspent(session, first, money(session, "started", 1, 899 + ttl, 2, booked_at_ms=900)) != []


def chain(*, deferred: bool) -> Evidence:
    """A request that was acked after its worker went on, and before the next step; somebody else may have had it."""
    where = {"run": "run", "org": "org", "partition": 0}
    events = [Event(kind="succeeded", step="one", attempt=1, chain="continues", offset=1, at_ms=10, **where)]
    if deferred:
        events.append(Event(kind="deferred", step="one", attempt=1, deferral=1, offset=2, at_ms=15, **where))
    events.append(Event(kind="succeeded", step="two", attempt=1, offset=3, at_ms=30, **where))
    request = Request(
        topic="t", partition=0, offset=0, run="run", step="one", attempt=1, requested_at_ms=1, rides=["two"]
    )
    commit = Commit(topic="t", partition=0, offset=1, at_ms=20)
    return Evidence(
        seed=1, limited=False, chained=True, hold_ttl_ms=1, events=events, requests=[request], commits=[commit]
    )


def test_chain_is_acked_after_its_steps_unless_somebody_gave_it_back() -> None:
    assert [violation.subject for violation in acks.judge(chain(deferred=False))] == ["run:one:1"]
    assert acks.judge(chain(deferred=True)) == []
