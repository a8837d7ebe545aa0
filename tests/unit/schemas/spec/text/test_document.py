"""How a workflow is written and hashed, and the number of its rules."""

import json

import pytest

from schemas.errors import BadRecord
from schemas.spec.model import ResolvedSpec
from schemas.spec.rules_version import FIRST, NEWEST, rules_of
from schemas.spec.text.document import document_of, resolved_bytes
from tests.support.runs import World, function, resolved, spec, submitted, switch


def test_what_has_its_default_is_not_written() -> None:
    node = function("a", {"retries": {"max_attempts": 3}, "quality": "silver"}, max_parallel=None, condition=None)
    written = document_of(spec(node, on_failure=""))
    assert written["dag"] == {"nodes": [{"id": "a", "type": "function", "config": {"function_name": "echo"}}]}


def test_a_default_that_is_spelled_out_changes_no_hash() -> None:
    assert resolved(function("a", {"optional": False, "priority": 0})).hash == resolved(function("a")).hash
    assert resolved(function("a", {"optional": True})).hash != resolved(function("a")).hash


def test_a_resolved_workflow_is_read_back_as_it_was() -> None:
    flow = resolved(function("a", {"priority": 3}), switch("s", ("true", "b")), function("b"), edges="a>s s>b")
    assert ResolvedSpec.model_validate_json(resolved_bytes(flow)) == flow
    assert "children" not in json.loads(resolved_bytes(flow))


def test_a_workflow_needs_rules_that_exist() -> None:
    assert FIRST <= rules_of(spec(function("a"))) <= NEWEST


def test_a_run_with_older_rules_than_its_workflow_needs_is_refused() -> None:
    with pytest.raises(BadRecord, match="asks for rules 0 and its workflow needs 1"):
        World().feed(submitted(resolved(function("a")), rules_version=0))
