"""The bill: what the provider answered against what was settled, and each way in which they can differ."""

import pytest
from tests.chaos.money import bill, key_of, price

from schemas.records.money import CostEvent

TOKENS = (20, 12)
PRICE = 20 * 100 + 12 * 400


def cost(key: str, call: int, amount: int = PRICE, kind: str = "actual") -> CostEvent:
    return CostEvent(
        call_id=f"{key}@1763840000000#{call}",
        kind=kind,
        org_id="default",
        run_id="run",
        step_id="ask",
        workflow_name="chaos_talk",
        provider="local",
        model="local-echo",
        amount_nano=amount,
        booked_at_ms=1_763_840_000_000,
        price_version="local-1",
    )


def test_a_price_is_that_of_the_list() -> None:
    assert price(*TOKENS) == PRICE


def test_a_key_is_the_attempt_of_a_call() -> None:
    assert key_of("5f0c:ask:2@1763840000000#3") == "5f0c:ask:2"


@pytest.mark.parametrize(
    ("answers", "settled"),
    [
        ([], []),
        ([TOKENS], [cost("k", 1)]),
        # Asked twice, answered twice, paid twice: each call is one of its own.
        ([TOKENS, TOKENS], [cost("k", 1), cost("k", 2)]),
        # The first caller died after the answer came.
        ([TOKENS, TOKENS], [cost("k", 1, 30_000, "presumed"), cost("k", 2)]),
        # A caller died before it called.
        ([], [cost("k", 1, 30_000, "presumed")]),
        # What was presumed of a call that never happened was taken back.
        ([], [cost("k", 1, 0)]),
    ],
)
def test_nothing_is_missing_when_each_answer_is_settled(
    answers: list[tuple[int, int]], settled: list[CostEvent]
) -> None:
    found = bill({"k": answers} if answers else {}, settled)
    assert (found.difference, found.repeats, found.keys) == (0, 0, ())
    assert found.billed == (PRICE if answers else 0)


def test_an_answer_that_nobody_settled_is_unsettled() -> None:
    found = bill({"k": [TOKENS]}, [cost("other", 1, 1, "presumed")])
    assert (found.unsettled, found.repeats, found.keys) == (PRICE, 0, ("k",))
    both = bill({"k": [TOKENS, TOKENS]}, [])
    assert (both.unsettled, both.repeats, both.billed) == (2 * PRICE, 0, PRICE)


def test_a_repeat_that_nobody_settled_is_unsettled_too() -> None:
    found = bill({"k": [TOKENS, TOKENS, TOKENS]}, [cost("k", 1)])
    assert (found.difference, found.repeats, found.keys) == (2 * PRICE, 2 * PRICE, ("k",))


def test_a_settlement_without_an_answer_is_invented() -> None:
    assert bill({"k": [TOKENS]}, [cost("k", 1), cost("k", 2)]).invented == PRICE
    assert bill({}, [cost("k", 1, 5)]).invented == 5


def test_another_price_is_noticed() -> None:
    found = bill({"k": [TOKENS]}, [cost("k", 1, PRICE + 3)])
    assert (found.mispriced, found.difference) == (3, 3)


def test_unknown_calls_are_those_that_stand_as_presumed() -> None:
    found = bill({}, [cost("k", 1, 7, "presumed"), cost("l", 1, 8, "presumed")])
    assert (found.unknown_calls, found.presumed) == (2, 15)
