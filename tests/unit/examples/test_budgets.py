"""The budgets of the examples are bodies that the API accepts, for workflows that the examples have."""

import json
from pathlib import Path

import pytest

from schemas.api_models.definitions import CreateBudget

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize("file", sorted((EXAMPLES / "budgets").glob("*.json")), ids=lambda file: file.name)
def test_a_budget_of_the_examples_is_accepted(file: Path) -> None:
    budget = CreateBudget.model_validate(json.loads(file.read_text("utf-8")))
    assert (EXAMPLES / "workflows" / f"{budget.target}.yaml").is_file()
    assert budget.on_exceeded == "step_down"
