"""The line of prices: every case of the table, and estimates over costs."""

import json

import pytest

from bench.prove.calls import prices
from connectors.prices.book import PriceBook

CASES = json.loads(prices.CASES.read_text(encoding="utf-8"))


def test_every_case_of_the_table_is_priced_to_the_nano_dollar() -> None:
    book = PriceBook.load()
    wrong = [(case, found) for case in CASES if (found := prices.cost_of(book, case)) != case["nano"]]
    assert wrong == []


def test_the_lines_say_so() -> None:
    lines = {line.name: line.samples for line in prices.measure(True, lambda _: None)}
    assert lines == {"price_cases": (200.0,), "price_cases_off": (0.0,), "price_estimates_under_cost": (0.0,)}


@pytest.mark.parametrize("part", ["flex", "priority", "batch", "us", "iterations", "cache_creation"])
def test_the_table_has_cases_of_each_kind(part: str) -> None:
    assert sum(part in json.dumps(case) for case in CASES) >= 7
