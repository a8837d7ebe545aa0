"""Schemas that nodes give for answers."""

from typing import Any

import pytest

from services.workflows.schema_checks import answer_schema_problems
from tests.support.runs import llm, spec


@pytest.mark.parametrize("schema", [{"type": "objekt"}, {"$ref": "https://example.org/schema.json"}])
def test_a_schema_by_which_nothing_can_be_checked_is_a_problem(schema: dict[str, Any]) -> None:
    (problem,) = answer_schema_problems(spec(llm("a", output_schema=schema)))
    assert problem.path == "dag.nodes[0].config.output_schema"
    assert "$defs" in problem.fix


def test_a_schema_and_none_at_all_are_no_problem() -> None:
    assert list(answer_schema_problems(spec(llm("a", output_schema={"type": "object"}), llm("b")))) == []
