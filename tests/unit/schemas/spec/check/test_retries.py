"""Which error codes a node may retry on, and what an empty list means."""

import ast
from pathlib import Path
from typing import Any

import pytest

from connectors.tools import Registry
from connectors.tools.arguments import argument_problems
from schemas.records.base import ErrorInfo
from schemas.spec.check.workflow import parse_workflow
from schemas.spec.error_codes import CODES, is_known
from schemas.spec.text.document import document_of
from streams.core.runs.events.step_end import may_retry

ROOT = Path(__file__).parents[5]
REGISTRY = Registry()
REGISTRY.tool("shop.order", codes=["sold_out"])(lambda: None)


def document(retry_on: Any, **node: Any) -> dict[str, Any]:
    policy = {"retries": {} if retry_on is None else {"retry_on": retry_on}}
    one = {"id": "a", "type": "tool", "config": {"tool_name": "shop.order"}, "policy": policy}
    return {"name": "flow", "version": 1, "dag": {"nodes": [one | node]}}


def problems(retry_on: list[str], **node: Any) -> list[str]:
    return [str(problem) for problem in argument_problems(parse_workflow(document(retry_on, **node)), REGISTRY)]


@pytest.mark.parametrize("code", ["timeout", "not_found", "http_503", "sold_out", "none"])
def test_known_codes_and_those_that_tools_declare_are_accepted(code: str) -> None:
    assert problems([code]) == []


def test_an_unknown_code_is_refused_with_the_nearest_known_one() -> None:
    (problem,) = problems(["timeout", "time_out"])
    assert problem.startswith("dag.nodes[0].policy.retries.retry_on[1]: no error has the code 'time_out'; did you mean")
    assert "codes=[...]" in problem
    assert problems(["nonsense"], queue="gpu") == [], "workers of a queue have codes of their own"


@pytest.mark.parametrize(("retry_on", "retried"), [(None, True), ([], False), (["x"], True), (["y"], False)])
def test_an_empty_list_retries_nothing_and_none_at_all_everything(retry_on: Any, retried: bool) -> None:
    spec = parse_workflow(document(retry_on))
    error = ErrorInfo(code="x", message="", retryable=True)
    assert may_retry(spec.dag.nodes[0].policy.retries, 1, error) == retried
    again = parse_workflow(document_of(spec))
    assert again == spec, "a stored document keeps its meaning"


def test_every_code_that_the_source_names_is_listed() -> None:
    found = {code for folder in ("connectors", "services", "streams") for code in codes_in(ROOT / folder)}
    assert len(found) > 40
    assert {code for code in found if not is_known(code)} == set()


def codes_in(folder: Path) -> set[str]:
    calls = (
        node
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    )
    return {
        argument.value
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id in {"StepError", "BindingError", "ErrorInfo"}
        for argument in [*call.args[:1], *(keyword.value for keyword in call.keywords if keyword.arg == "code")]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


def test_the_page_lists_every_code() -> None:
    text = (ROOT / "docs/reference/workflows.md").read_text(encoding="utf-8")
    section = text.partition("## Error codes")[2].partition("\n## ")[0]
    assert {code for code in CODES if f"`{code}`" not in section} == set()
