"""A provider's own cost: when it is booked, by how much it differs, and when it is refused."""

from decimal import Decimal

import pytest

from services.calls.ledger import Ledger
from services.calls.stated_cost import Booked, booked

HELD = 1_000_000_000


def test_without_a_stated_cost_the_computed_one_is_booked() -> None:
    assert booked(None, 5, HELD, "provider") == Booked(5)


@pytest.mark.parametrize("stated", [0.25, "0.25", Decimal("0.25")])
def test_the_organisation_says_whose_cost_counts(stated: object) -> None:
    assert booked(stated, 100_000_000, HELD, "provider") == Booked(250_000_000, "provider", 150_000_000)
    assert booked(stated, 300_000_000, HELD, "computed") == Booked(300_000_000, "", -50_000_000)


def test_a_free_call_is_a_stated_cost_too() -> None:
    assert booked(0, 7, HELD, "provider") == Booked(0, "provider", -7)


@pytest.mark.parametrize(
    ("stated", "note"),
    [
        (-0.01, "cost:negative"),
        ("-0.0000000001", "cost:negative"),
        ("-1e30", "cost:negative"),
        (float("nan"), "cost:unreadable"),
        (float("inf"), "cost:unreadable"),
        ("NaN", "cost:unreadable"),
        ("much", "cost:unreadable"),
        (True, "cost:unreadable"),
        ({"total": 1}, "cost:unreadable"),
        ("2.000000001", "cost:over_hold"),
        (1e300, "cost:over_hold"),
    ],
)
def test_an_absurd_cost_is_refused_and_flagged(stated: object, note: str) -> None:
    assert booked(stated, 5, HELD, "provider") == Booked(5, "refused", 0, note)
    assert booked(stated, 5, HELD, "computed") == Booked(5, "", 0, note)


def test_twice_the_hold_is_the_bound() -> None:
    assert booked("2", 5, HELD, "provider").amount_nano == 2 * HELD


def test_a_call_for_which_nothing_is_held_costs_nothing_more() -> None:
    assert booked("0.000001", 0, 0, "provider") == Booked(0, "refused", 0, "cost:over_hold")


def test_stated_costs_and_their_differences_are_counted() -> None:
    ledger = Ledger()
    ledger.count_stated("p", None, Booked(1))
    assert not ledger.counts
    for cost in (
        booked("0.3", 100, HELD, "provider"),
        booked("0", 100, HELD, "computed"),
        booked(-1, 1, 1, "computed"),
    ):
        ledger.count_stated("p", "x", cost)
    found = {name.partition("|")[2]: count for name, count in ledger.counts.items()}
    assert found == {
        "provider=p|booked=provider": 1,
        "provider=p|direction=over": 299_999_900,
        "provider=p|booked=computed": 1,
        "provider=p|direction=under": 100,
        "provider=p|booked=refused": 1,
    }
