"""The lines of price lists and of reconciliations: exact, and each planted difference named."""

from collections.abc import Iterable

from bench.lines import Line
from bench.prove.calls import price_lists, reconciliations


def values(lines: Iterable[Line]) -> dict[str, float]:
    return {line.name: line.samples[0] for line in lines}


def test_costs_are_those_of_the_list_of_the_hold() -> None:
    found = values(price_lists.measure(True, lambda _: None))
    assert found["price_list_calls"] >= 500
    assert (found["price_list_calls_off"], found["price_list_replays_off"]) == (0, 0)


def test_planted_differences_are_named() -> None:
    found = values(reconciliations.measure(True, lambda _: None))
    assert found["reconcile_reasons_named"] >= 98
    assert found["reconcile_lean_differences"] == 0
