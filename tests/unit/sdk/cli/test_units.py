"""Durations, money, times, tags and spans as people write and read them."""

import pytest
from agentflow.cli.errors import CliError
from agentflow.cli.units import age, between, cents, dollars, each, iso, moment, pairs, period, seconds, span, usd


@pytest.mark.parametrize(
    ("text", "expected"), [("90s", 90), ("1h30m", 5400), ("250ms", 0.25), ("2", 2), ("1.5h", 5400), ("1d", 86_400)]
)
def test_a_duration_is_seconds(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "s", "-1s", "1 s", "1x", "1s1", "١s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(CliError, match="is not a duration"):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1000", "1000"),
        ("$1,000.50", "1000.50"),
        (".5", "0.5"),
        ("0.000000001", "0.000000001"),
        ("1,234,567", "1234567"),
    ],
)
def test_an_amount_is_exact_us_dollars(text: str, expected: str) -> None:
    assert dollars(text) == expected


@pytest.mark.parametrize("text", ["", "$", "1,00", "1e3", "-1", "0.0000000001", "1.2.3", "ten", "NaN"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(CliError, match="is not an amount"):
        dollars(text)


def test_dollars_are_sent_in_cents_where_the_api_wants_them() -> None:
    assert [cents(text) for text in ("0.05", "10", "0.000000001")] == ["5", "1000", "0.0000001"]


@pytest.mark.parametrize(
    ("amount", "expected"),
    [("1000", "$1,000.00"), ("0.0028530", "$0.002853"), ("1234567.5", "$1,234,567.50"), (None, ""), ("0", "$0.00")],
)
def test_money_is_shown_exactly_with_two_places_at_least(amount: str | None, expected: str) -> None:
    assert usd(amount) == expected


def test_periods_are_named_as_the_api_does_and_read_as_a_sentence() -> None:
    assert [period(text) for text in ("monthly", "Daily", "week", "total")] == ["month", "day", "week", "total"]
    assert [each(name) for name in ("month", "hour", "total")] == ["a month", "an hour", "in total"]


def test_now_is_no_bound_and_other_times_stay() -> None:
    assert [moment(text) for text in (None, "now", "1h", "2026-11-01T00:00:00Z")] == [
        None,
        None,
        "1h",
        "2026-11-01T00:00:00Z",
    ]
    with pytest.raises(CliError, match="is not a time"):
        moment("yesterday")


def test_spans_have_one_unit() -> None:
    assert [span(value) for value in (0.25, 42, 119, 600, 7200, 200_000)] == ["0.2s", "42s", "119s", "10m", "2h", "2d"]
    assert age("1970-01-01T00:00:10Z", 70) == "60s"
    assert between("2026-11-28T19:59:00Z", "2026-11-28T19:59:01.500Z") == "1.5s"
    assert (age(None, 0), between(None, "x")) == ("", "")
    assert iso(0) == "1970-01-01T00:00:00.000Z"


def test_pairs_keep_what_follows_the_first_sign() -> None:
    assert pairs(("a=b=c", "d="), "--tag") == {"a": "b=c", "d": ""}
    with pytest.raises(CliError, match="has no value"):
        pairs(("=x",), "--tag")
