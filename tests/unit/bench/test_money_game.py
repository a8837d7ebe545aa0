"""The judge of the game of money: what it counts at each prefix, and which answers it misses on the bill."""

from typing import Any

import pytest

from bench.budgets.game.ledger import Ledger, Table
from bench.budgets.game.play import off_bill
from bench.budgets.game.service import Service
from schemas.records.money import CallStarted, CostEvent


def call(number: int) -> str:
    return f"run-{number}:ask:1@1#1"


def started(number: int) -> CallStarted:
    event = settled(number, 0)
    same = ("org_id", "run_id", "step_id", "workflow_name", "provider", "model", "booked_at_ms", "price_version")
    fields: dict[str, Any] = {name: getattr(event, name) for name in same}
    return CallStarted(call_id=event.call_id, amount_nano=100, expires_at_ms=1, **fields)


def settled(number: int, nano: int, kind: Any = "actual") -> CostEvent:
    return CostEvent(
        call_id=call(number),
        kind=kind,
        org_id="acme",
        run_id=f"run-{number}",
        step_id="ask",
        workflow_name="flow",
        provider="p",
        model="m",
        amount_nano=nano,
        booked_at_ms=0,
        price_version="1",
    )


def ledger(*records: CallStarted | CostEvent) -> Ledger:
    found = Ledger()
    for record in records:
        found.take(record)
    return found


def test_the_most_is_that_of_any_prefix_and_an_actual_amount_replaces_a_presumed_one() -> None:
    found = ledger(settled(1, 70, "presumed"), settled(2, 40), settled(1, 20), settled(1, 70, "presumed"))
    assert (found.most, found.total) == (110, 60)


def test_a_call_that_started_must_be_settled() -> None:
    assert ledger(started(1), settled(1, 5)).is_settled
    assert not ledger(started(1), started(2), settled(1, 5)).is_settled


def billed(**answers: list[int]) -> Service:
    service = Service(1)
    for run, amounts in answers.items():
        service.bill[f"{run.replace('_', '-')}:ask"] += amounts
    return service


@pytest.mark.parametrize(
    ("events", "bill", "off"),
    [
        ([settled(1, 30)], {"run_1": [30]}, 0),
        ([settled(1, 30)], {"run_1": [31]}, 2),
        ([settled(1, 30)], {}, 1),
        ([], {"run_1": [30]}, 1),
        ([settled(1, 99, "presumed")], {"run_1": [30]}, 0),
        ([settled(1, 99, "presumed")], {"run_1": [30, 40]}, 1),
        ([settled(1, 0)], {}, 0),
    ],
)
def test_each_answer_is_settled_at_its_amount_or_presumed(
    events: list[CostEvent], bill: dict[str, list[int]], off: int
) -> None:
    assert off_bill(ledger(*events), billed(**bill)) == off


def test_what_an_organisation_has_spent_is_the_entry_of_its_whole_time() -> None:
    assert Table({"org|total": "12", "org|day:2026-01-01": "5"}, {}).spent == 12
    assert Table({}, {}).spent == 0
