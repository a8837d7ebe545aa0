"""Bills as tables: dimensions, plain CSV, and FOCUS."""

import csv
import io
import re
from collections.abc import AsyncGenerator

import pytest

from connectors.clickhouse.bill_rows import BillRow
from schemas.errors import InvalidInput
from services.billing.csv_lines import SUMS, lines, plain_cells
from services.billing.focus import HEADER, FocusRows, focus_dimensions
from services.billing.grouping import dimensions

#: The columns that FOCUS 1.2 makes mandatory.
MANDATORY = re.findall(
    r"\w+",
    """
BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodEnd BillingPeriodStart ChargeCategory
ChargeClass ChargeDescription ChargePeriodEnd ChargePeriodStart ContractedCost EffectiveCost InvoiceIssuerName ListCost
PricingQuantity PricingUnit ProviderName PublisherName ServiceCategory ServiceName
""",
)
#: Those of them that may not be null.
NULLABLE = {"BillingAccountName", "ChargeClass", "ChargeDescription", "PricingQuantity", "PricingUnit"}


async def table(header: tuple[str, ...], *blocks: list[BillRow], cells: object = plain_cells) -> list[list[str]]:
    async def rows() -> AsyncGenerator[list[BillRow]]:
        for block in blocks:
            yield block

    pieces = [piece async for piece in lines(header, rows(), cells)]  # type: ignore[arg-type]
    return list(csv.reader(io.StringIO(b"".join(pieces).decode())))


def test_names_of_a_bill_are_dimensions_and_tags() -> None:
    found = dimensions(["provider", "tag.team", "project", "provider"])
    assert [(one.name, one.tag) for one in found] == [
        ("provider", ""),
        ("tag.team", "team"),
        ("project", "agentflow.project"),
    ]


@pytest.mark.parametrize("name", ["providr", "tag.", "tag.a b", "tags", "s_model; DROP TABLE cost_events"])
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="group_by"):
        dimensions([name])


def test_too_many_names_are_refused() -> None:
    with pytest.raises(InvalidInput, match="the most is 8"):
        dimensions([f"tag.t{n}" for n in range(9)])


async def test_csv_has_exact_amounts_and_no_formula() -> None:
    found = await table(
        ("workflow", *SUMS), [BillRow(("=cmd",), 2, 30, 4, 1, 0)], [BillRow(('a,"b"\nc',), 1, 0, 0, 2**53, 5)]
    )
    assert found == [
        ["workflow", "calls", "input_tokens", "output_tokens", "amount_usd", "presumed_usd"],
        ["'=cmd", "2", "30", "4", "0.000000001", "0"],
        ['a,"b"\nc', "1", "0", "0", "9007199.254740992", "0.000000005"],
    ]


async def test_a_bill_without_calls_is_its_header() -> None:
    assert await table(("day", *SUMS)) == [["day", *SUMS]]


async def test_focus_rows_have_the_columns_of_the_specification() -> None:
    by = focus_dimensions(["tag.team", "model", "user"])
    row = BillRow(("2026-12-31", "openai", "gpt-5", "flow", "apollo", "blue", ""), 3, 100, 20, 1_500_000_000, 5)
    header, cells = await table(HEADER, [row], cells=FocusRows("acme", by).cells)
    found = dict(zip(header, cells, strict=True))
    assert set(MANDATORY) <= set(header)
    assert len(set(header)) == len(header)
    assert [name for name in MANDATORY if not found[name] and name not in NULLABLE] == []
    assert {
        name: found[name] for name in ("BilledCost", "ListCost", "EffectiveCost", "ContractedCost")
    } == dict.fromkeys(("BilledCost", "ListCost", "EffectiveCost", "ContractedCost"), "1.5")
    assert (found["ChargePeriodStart"], found["ChargePeriodEnd"]) == ("2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z")
    assert (found["BillingPeriodStart"], found["BillingPeriodEnd"]) == ("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z")
    assert (found["ChargeCategory"], found["ChargeFrequency"]) == ("Usage", "Usage-Based")
    assert (found["ServiceCategory"], found["ServiceSubcategory"]) == ("AI and Machine Learning", "Generative AI")
    assert (found["ConsumedQuantity"], found["ConsumedUnit"], found["PricingUnit"]) == ("120", "Tokens", "Tokens")
    assert (found["SubAccountId"], found["SubAccountType"], found["Tags"]) == ("apollo", "project", '{"team":"blue"}')
    assert (found["x_Workflow"], found["x_Calls"], found["x_PresumedCost"]) == ("flow", "3", "0.000000005")
