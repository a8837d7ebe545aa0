"""Keys of flow control: what they may be over, which are one, and what is refused."""

import pytest

from schemas.errors import InvalidInput
from schemas.spec.check.workflow import parse_workflow
from schemas.spec.flow_keys import check_are_inline, check_without_inputs, run_flow
from schemas.spec.rules_version import FIRST, rules_of

PAUSE = {"nodes": [{"id": "p", "type": "wait", "config": {"duration_ms": 1}}]}


def spec(key=None, version=1, name="flow", **flow):
    rules = flow or {"concurrency": [{"limit": 2} | ({} if key is None else {"key": key})]}
    return parse_workflow({"name": name, "version": version, "flow": rules, "dag": PAUSE})


def gates(of, inputs=None, tags=None, org="acme"):
    found = run_flow(of, org, inputs or {}, tags or {}, 7)
    assert found is not None
    return found.gates


def key(text, inputs=None, tags=None, **more):
    return gates(spec(text, **more), inputs, tags)[0].key


def test_equal_values_are_one_key_and_others_are_not():
    assert key("inputs.a", {"a": "x"}) == key("inputs.a", {"a": "x", "b": 1})
    values = ("x", "y", "1", 1, True, False, None, "", 1.5)
    assert len({key("inputs.a", {"a": value}) for value in values}) == len(values)


def test_a_key_is_of_its_organisation_its_workflow_and_its_rule():
    one = key("inputs.a", {"a": "x"})
    assert gates(spec("inputs.a"), {"a": "x"}, org="other")[0].key != one
    assert key("inputs.a", {"a": "x"}, name="other") != one
    assert key("inputs.a + ''", {"a": "x"}) != one
    assert key("inputs.a", {"a": "x"}, version=2) == one, "versions share it"


def test_keys_read_tags_and_the_organisation():
    assert key("tags.team", tags={"team": "web"}) == key("tags.team", tags={"team": "web", "other": "x"})
    assert key("organisation + tags.team", tags={"team": "a"}) != key("organisation + tags.team", tags={"team": "b"})
    assert key("has(inputs.a) ? inputs.a : 'none'") == key("has(inputs.a) ? inputs.a : 'none'", {"a": "none"})


def test_gates_have_one_order_whatever_the_document_has():
    rules = [{"limit": 9}, {"key": "inputs.b", "limit": 1}, {"key": "inputs.a", "limit": 2}]
    flow = {"concurrency": rules, "rate": {"limit": 3, "per_ms": 10}, "debounce": {"period_ms": 5, "max_wait_ms": 8}}
    found = gates(spec(**flow), {"a": 1, "b": 2})
    assert [(gate.kind, gate.rule) for gate in found] == [
        *(("debounce", ""), ("concurrency", "inputs.a"), ("concurrency", "inputs.b"), ("concurrency", "")),
        ("rate", ""),
    ]
    assert (found[0].period_ms, found[0].max_wait_ms, found[1].limit, found[4].per_ms) == (5, 8, 2, 10)


@pytest.mark.parametrize(
    ("text", "inputs", "why"),
    [
        ("inputs.a", {}, 'Key not found in map : "a"'),
        ("inputs.a", {"a": [1]}, "a value of type LIST"),
        ("inputs.a + 1", {"a": "x"}, "No matching"),
        ("inputs.a", {"a": "x\0"}, "U+0000"),
    ],
)
def test_a_key_without_a_value_refuses_the_submission(text, inputs, why):
    with pytest.raises(InvalidInput) as refused:
        gates(spec(text), inputs)
    (problem,) = refused.value.problems
    assert problem.path == "flow.concurrency[0].key"
    assert why.lower() in problem.message.lower()
    assert text in problem.fix


def test_keys_of_a_run_with_a_data_subject_read_no_inputs():
    check_without_inputs(spec("tags.team"))
    check_without_inputs(parse_workflow({"name": "f", "version": 1, "dag": PAUSE}))
    for text in ("inputs.a", "has(inputs.a) ? 'x' : 'y'", "inputs['a']", "'a' in inputs ? 1 : 2"):
        with pytest.raises(InvalidInput, match="sealed"):
            check_without_inputs(spec(text))


def test_keys_of_a_restart_read_no_stored_inputs():
    check_are_inline(spec("inputs.a"), ())
    check_are_inline(spec("inputs.a"), ("b",))
    with pytest.raises(InvalidInput, match="stored as objects: a"):
        check_are_inline(spec("inputs.a"), ("a",))


def test_a_workflow_without_flow_has_no_gates_and_flow_alone_needs_no_newer_rules():
    assert run_flow(parse_workflow({"name": "f", "version": 1, "dag": PAUSE}), "acme", {}, {}, 0) is None
    assert rules_of(spec("inputs.a")) == FIRST
