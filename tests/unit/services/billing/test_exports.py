"""Exports of providers: what is read of each, and the place of what cannot be."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connectors.prices.book import PriceBook
from schemas.errors import InvalidInput
from services.billing.bills import priced
from services.billing.exports import Charge, Format, read_export

DAY = date(2026, 11, 27)
CENT = 10_000_000


def test_openais_costs_are_dollars_by_line_item() -> None:
    bucket = {
        "object": "bucket",
        "start_time": 1_795_737_600,
        "end_time": 1_795_824_000,
        "results": [
            {"amount": {"value": 0.06, "currency": "usd"}, "line_item": "gpt-4o-2024-08-06, cached input"},
            {"amount": {"value": "0.10000000000000001", "currency": "usd"}, "line_item": None},
        ],
    }
    page = json.dumps({"object": "page", "data": [bucket], "has_more": False}).encode()
    assert read_export(page) == [
        Charge(DAY, "gpt-4o-2024-08-06", Decimal(6 * CENT)),
        Charge(DAY, "", Decimal("100000000.00000001000000000")),
    ]


def test_anthropics_report_is_cents_by_model() -> None:
    bucket = {
        "starting_at": "2026-11-27T00:00:00Z",
        "ending_at": "2026-11-28T00:00:00Z",
        "results": [
            {"amount": "123.45", "currency": "USD", "model": "claude-sonnet-4-5", "token_type": "output_tokens"}
        ],
    }
    assert read_export(json.dumps({"data": [bucket]}).encode()) == [
        Charge(DAY, "claude-sonnet-4-5", Decimal("123.45") * CENT)
    ]


USAGE = {
    "object": "organization.usage.completions.result",
    "input_tokens": 1_000_000,
    "input_cached_tokens": 400_000,
    "output_tokens": 100_000,
    "num_model_requests": 7,
    "model": "gpt-5-2025-08-07",
    "batch": False,
}


def test_openais_usage_is_priced_by_our_prices() -> None:
    page = json.dumps({"data": [{"start_time": 1_795_737_600, "results": [USAGE, USAGE | {"batch": True}]}]}).encode()
    plain, batch = priced(read_export(page), PriceBook.load(), "openai")
    # 600,000 at 1.25, 400,000 at 0.125 and 100,000 at 10 USD a million; batches cost half.
    assert (plain.day, plain.model, plain.amount) == (DAY, "gpt-5-2025-08-07", Decimal(180 * CENT))
    assert batch.amount == Decimal(90 * CENT)
    header = ",".join(["start_time", *(name for name in USAGE if name != "object")])
    row = ",".join(["1795737600", *(str(value) for name, value in USAGE.items() if name != "object")])
    assert priced(read_export(f"{header}\n{row}\n".encode()), PriceBook.load(), "openai") == [plain]


def test_usage_of_a_model_without_a_price_is_refused() -> None:
    page = json.dumps({"data": [{"start_time": 1_795_737_600, "results": [USAGE | {"model": "mystery"}]}]}).encode()
    with pytest.raises(InvalidInput, match="no price for 'mystery'"):
        priced(read_export(page), PriceBook.load(), "openai")


@pytest.mark.parametrize(
    ("text", "charge"),
    [
        ("date,model,amount\n2026-11-27,gpt-5,1.5\n", Charge(DAY, "gpt-5", Decimal("1.5") * 100 * CENT)),
        # A dashboard's export: other names, another order, a byte-order mark, CRLF, an empty line.
        (
            '\ufeffstart_time_iso,amount_value,amount_currency,line_item\r\n2026-11-27T00:00Z,.01,usd,"gpt-5,in"\r\n\r\n',
            Charge(DAY, "gpt-5", Decimal(CENT)),
        ),
        ("Usage Date UTC,Cost USD\n2026-11-27,$2\n", Charge(DAY, "", Decimal(200 * CENT))),
        ("start_time,cost\n1795737600,1e-2\n", Charge(DAY, "", Decimal(CENT))),
        ("date,amount\n2026-11-27,-0.01\n", Charge(DAY, "", Decimal(-CENT))),
    ],
)
def test_csv_is_read_by_the_usual_names(text: str, charge: Charge) -> None:
    assert read_export(text.encode()) == [charge]


@pytest.mark.parametrize(
    ("body", "given", "place", "says"),
    [
        (b"date,amount\n2026-11-27,1\n2026-11-27,x\n", None, "line 3", "the amount 'x' is no number"),
        (b"date,amount\n27.11.2026,1\n", None, "line 2", "the date '27.11.2026' is none"),
        (b'date,amount\n2026-11-27,"1\n2026-11-28,2\n', None, "line 3", "is not CSV"),
        (b"date,amount\n2026-11-27\n", None, "line 2", "the amount '' is no number"),
        (b"date,amount,currency\n2026-11-27,1,EUR\n", None, "line 2", "is in EUR"),
        (b"date,amount\n2026-11-27,NaN\n", None, "line 2", "the amount 'NaN' is no number"),
        (b"date,amount\n2026-11-27,9e999999\n", None, "line 2", "the amount '9e999999' is no number"),
        (b"day,money\n", None, "line 1", "has no column of the amount"),
        (b"", None, "line 1", "has no column of the date"),
        (b"date,amount\n", None, "body", "has no charge"),
        (b"date,amount\n2026-11-27,1\n\xff,2\n", None, "line 3", "is not UTF-8"),
        (b"{", None, "body", "is not JSON"),
        (b"{}", None, "data", "is not a list"),
        (b'{"data": [{"results": {}}]}', None, "data[0].results", "is not a list"),
        (b'{"data": [{"start_time": 1795737600, "results": [{}]}]}', None, "data[0].results[0]", "the amount None"),
        (b'{"data": [{"start_time": true, "results": [{"amount": {"value": 1}}]}]}', "openai", "data[0].res", "date"),
        (b'{"data": [{"starting_at": "2026-11-27", "results": [1]}]}', None, "data[0].results[0]", "is not an object"),
        (b'{"a": 1}', "csv", "line 1", "has no column"),
        (b"start_time,input_tokens,model\n1795737600,-1,gpt-5\n", None, "line 2", "input_tokens '-1' is no count"),
        (b"start_time,input_tokens,model\nx,1,gpt-5\n", None, "line 2", "the date 'x' is none"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(body: bytes, given: Format | None, place: str, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_export(body, given)
    problem = caught.value.problems[0]
    assert problem.path.startswith(place)
    assert says in problem.message
    assert problem.fix


def test_problems_of_a_file_are_all_reported_up_to_a_hundred() -> None:
    rows: Any = "".join(f"2026-11-27,x{n}\n" for n in range(150))
    with pytest.raises(InvalidInput) as caught:
        read_export(f"date,amount\n{rows}".encode())
    assert [one.path for one in caught.value.problems] == [f"line {n}" for n in range(2, 102)]
