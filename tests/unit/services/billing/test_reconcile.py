"""A provider's charges beside what was booked: statuses, sums, and the reasons of differences."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.exports import Charge
from services.billing.reconcile import CENT_NANO, Line, Reconciliation, Spent, reconcile

FIRST = datetime(2026, 11, 20, tzinfo=UTC)
DOLLAR = 100 * CENT_NANO


def spent(hour: int, dollars: float, model: str = "m", presumed: float = 0) -> Spent:
    at = FIRST + timedelta(hours=hour)
    return Spent(int(at.timestamp() * 1000), model, int(dollars * DOLLAR), int(presumed * DOLLAR))


def charge(day: int, dollars: float, model: str = "m") -> Charge:
    return Charge((FIRST + timedelta(days=day)).date(), model, Decimal(str(dollars)) * DOLLAR)


def compared(charges: list[Charge], ours: list[Spent]) -> Reconciliation:
    return reconcile(charges, ours, str.lower)


def only(found: Reconciliation) -> Line:
    (line,) = found.lines
    return line


def test_amounts_that_agree_but_for_rounding_match() -> None:
    found = only(compared([charge(0, 1.234)], [spent(1, 1.0), spent(23, 0.2341)]))
    assert (found.status, found.reason, found.ours_nano) == ("matched", "", 1_234_100_000)
    assert only(compared([charge(0, 1_000)], [spent(1, 1_000.9)])).status == "matched"
    assert only(compared([charge(0, 1_000)], [spent(1, 1_001.1)])).status == "different"


def test_days_and_models_are_compared_apart_and_in_order() -> None:
    charges = [charge(1, 2, "B"), charge(0, 1), charge(1, 0.5, "gone")]
    found = compared(charges, [spent(0, 1), spent(24, 2, "b"), spent(30, 7, "c"), spent(-1, 9), spent(48, 9)])
    assert [(line.day.day, line.model, line.status) for line in found.lines] == [
        (20, "m", "matched"),
        (21, "b", "matched"),
        (21, "c", "ours_only"),
        (21, "gone", "theirs_only"),
    ]


def test_several_charges_of_a_model_and_day_are_one_amount_rounded_once() -> None:
    thirds = [Charge(FIRST.date(), "m", Decimal("0.4")) for _ in range(4)]
    assert only(compared(thirds, [])).theirs_nano == 2


def test_more_than_we_know_is_other_calls_and_less_is_not_charged() -> None:
    more = only(compared([charge(0, 3)], [spent(0, 1)]))
    assert (more.status, more.reason, more.difference_nano, more.share) == (
        "different",
        "other_calls",
        2 * DOLLAR,
        Decimal("2.0000"),
    )
    unknown = only(compared([charge(0, 3)], []))
    assert (unknown.status, unknown.reason, unknown.share) == ("theirs_only", "other_calls", Decimal(1))
    days = [charge(0, 1), charge(1, 1)]
    missing = compared(days, [spent(0, 1), spent(24, 1), spent(25, 5, "x")]).lines[2]
    assert (missing.status, missing.reason, missing.share) == ("ours_only", "not_charged", Decimal(-1))


def test_estimates_that_were_too_high_are_named() -> None:
    found = only(compared([charge(0, 1)], [spent(0, 1), spent(5, 0.5, presumed=0.5)]))
    assert (found.status, found.reason, found.presumed_nano) == ("different", "presumed", DOLLAR // 2)
    # More is missing than was presumed.
    found = only(compared([charge(0, 1)], [spent(0, 2), spent(5, 0.5, presumed=0.5)]))
    assert found.reason == "not_charged"


def test_one_factor_on_all_days_is_a_price() -> None:
    ours = [spent(day * 24, 1 + day) for day in range(4)]
    found = compared([charge(day, (1 + day) * 0.9) for day in range(4)], ours)
    assert {line.reason for line in found.lines} == {"price"}
    found = compared([charge(day, (1 + day) * 0.9) for day in range(2)], ours[:2])
    assert {line.reason for line in found.lines} == {"not_charged"}


@pytest.mark.parametrize("zone", [-8, -1, 5, 14])
def test_days_of_another_zone_are_found(zone: int) -> None:
    hours = range(-24, 24 * 6)
    ours = [spent(hour, crc32(f"{hour}{model}".encode()) % 100 / 10, model) for hour in hours for model in ("m", "n")]
    charges = []
    for day in range(5):
        for model in ("m", "n"):
            first = day * 24 - zone
            of_day = [one for one in ours if one.model == model and _hour(one) in range(first, first + 24)]
            charges.append(charge(day, sum(one.amount_nano for one in of_day) / DOLLAR, model))
    found = compared(charges, ours)
    assert found.offset_hours == zone
    assert {line.reason for line in found.lines} <= {"time_zone", ""}
    assert any(line.reason == "time_zone" for line in found.lines)


def _hour(one: Spent) -> int:
    return (one.hour_ms - int(FIRST.timestamp() * 1000)) // 3_600_000


def test_agreement_in_utc_needs_no_zone() -> None:
    assert compared([charge(0, 1)], [spent(0, 1)]).offset_hours == 0


AMOUNTS = st.integers(-5, 500)


@given(
    st.lists(st.tuples(st.integers(0, 3), AMOUNTS, st.sampled_from("ab")), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(-24, 120), st.integers(0, 500), st.sampled_from("ab")), max_size=30),
)
def test_lines_add_up_to_both_accounts_on_the_days_of_the_charges(
    theirs: list[tuple[int, int, str]], ours: list[tuple[int, int, str]]
) -> None:
    charges = [charge(day, cents / 100, model) for day, cents, model in theirs]
    found = compared(charges, [spent(hour, cents / 100, model) for hour, cents, model in ours])
    assert sum(line.theirs_nano for line in found.lines) == sum(one.amount for one in charges)
    days = [one.day for one in charges]
    within = [one for one in (spent(h, c / 100, m) for h, c, m in ours) if min(days) <= _date(one) <= max(days)]
    assert sum(line.ours_nano for line in found.lines) == sum(one.amount_nano for one in within)
    assert all((line.status == "matched") == (line.reason == "") for line in found.lines)


def _date(one: Spent) -> date:
    return datetime.fromtimestamp(one.hour_ms / 1000, UTC).date()
