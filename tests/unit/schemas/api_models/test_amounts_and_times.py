"""Amounts and times in bodies."""

import pytest
from pydantic import ValidationError

from schemas.api_models.definitions import CreateBudget
from schemas.api_models.runs import SubmitRun
from schemas.api_models.schedules import Backfill, CreateSchedule


@pytest.mark.parametrize("cents", ["1_0", "１０", " 10", "+10", "1e1", "", "NaN", "-1", True, "0.00000001"])
def test_an_amount_is_an_ascii_decimal_and_not_nothing(cents: object) -> None:
    for model, given in (
        (SubmitRun, {"workflow_name": "w", "budget_cents": cents}),
        (CreateBudget, {"limit_cents": cents}),
        (CreateSchedule, {"name": "n", "workflow_name": "w", "budget_cents": cents}),
    ):
        with pytest.raises(ValidationError):
            model.model_validate(given)


def test_amounts_are_read_exactly() -> None:
    assert str(SubmitRun(workflow_name="w", budget_cents="10.5").budget_cents) == "10.5"
    assert SubmitRun.model_validate({"workflow_name": "w", "budget_cents": 0}).budget_cents == 0


@pytest.mark.parametrize(
    "at", ["2026-11-01", "2026-11-01T00:00:00", 1_700_000_000, "1700000000", "2026-11-01T00:00:61Z", None]
)
def test_a_backfills_time_has_a_zone(at: object) -> None:
    with pytest.raises(ValidationError, match=r"2026-11|no time"):
        Backfill.model_validate({"from": at, "to": "2026-11-02T00:00:00Z"})


def test_a_backfills_time_is_read_in_milliseconds() -> None:
    body = Backfill.model_validate({"from": "2026-11-01T01:00:00+01:00", "to": "2026-11-02T00:00:00.5Z"})
    assert (body.begin, body.to) == (1_793_491_200_000, 1_793_577_600_500)


def test_the_schema_says_date_time() -> None:
    assert Backfill.model_json_schema()["properties"]["from"] == {
        "format": "date-time",
        "title": "From",
        "type": "string",
    }


def test_the_schema_says_the_bounds_of_an_amount() -> None:
    number = SubmitRun.model_json_schema()["properties"]["budget_cents"]["anyOf"][0]
    assert (number["type"], number["minimum"], number["maximum"]) == ("number", 0, 900_719_925)
