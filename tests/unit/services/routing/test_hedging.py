from services.routing.hedging import KEPT, Allowance
from services.routing.latencies import Window


def test_hedges_are_a_share_of_calls_and_of_their_cost() -> None:
    allowance, sent = Allowance(share=0.05), 0
    for _ in range(10_000):
        allowance.earn(100)
        if allowance.spend(150):
            sent += 1
            allowance.give_back(150 - 120)
    assert 0.9 * 10_000 * 0.05 * 100 <= sent * 120 <= 10_000 * 0.05 * 100


def test_calls_that_cost_nothing_are_hedged_by_their_number() -> None:
    allowance = Allowance(share=0.05)
    assert sum(allowance.spend(0) for _ in range(1000) if allowance.earn(0) is None) == 50


def test_an_outage_hedges_no_more_than_was_kept() -> None:
    allowance = Allowance(share=0.5)
    for _ in range(1000):
        allowance.earn(100)
    assert sum(allowance.spend(0) for _ in range(1000)) == int(KEPT)


def test_a_hedge_that_the_money_does_not_allow_takes_nothing() -> None:
    allowance = Allowance(share=1.0)
    allowance.earn(100)
    assert not allowance.spend(101)
    assert allowance.spend(100)


def test_hedges_wait_until_the_allowance_pays_for_all_calls_that_are_slower() -> None:
    measured, allowance = Window(), Allowance(share=0.04)
    for number in range(1, 101):
        measured.add(float(number))
        allowance.earn(100)
    assert allowance.hedged_after_ms(measured, 50) == 96
    assert allowance.hedged_after_ms(measured, 200) == 98
    assert Allowance(share=0.5).hedged_after_ms(measured, 0) == 95
