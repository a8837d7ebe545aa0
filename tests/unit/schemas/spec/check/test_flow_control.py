"""Flow control at registration: every wrong section says where it is wrong and how to fix it."""

import pytest

from schemas.errors import InvalidSpec
from schemas.spec.check.workflow import check_spec, parse_workflow
from schemas.spec.inputs.known_inputs import any_arguments, known_inputs

DAG = {"nodes": [{"id": "p", "type": "wait", "config": {"duration_ms": 1}}]}
RULE = {"limit": 1}


def checked(flow):
    document = {"name": "f", "version": 1, "flow": flow, "dag": DAG}
    return check_spec(parse_workflow(document), prompts={}, tools=[], functions=[])


@pytest.mark.parametrize(
    ("flow", "path", "said", "fix"),
    [
        ({}, "flow", "it has no rule", "write `concurrency`, `rate` or `debounce`"),
        ({"concurency": []}, "flow.concurency", "unknown", "did you mean 'concurrency'?"),
        ({"concurrency": [{"limt": 1} | RULE]}, "flow.concurrency[0].limt", "unknown", "did you mean 'limit'?"),
        ({"concurrency": [{"limit": 0}]}, "flow.concurrency[0].limit", "greater than or equal to 1", "at least 1"),
        ({"concurrency": [RULE] * 5}, "flow.concurrency", "at most 4", ""),
        ({"rate": {"limit": 1}}, "flow.rate.per_ms", "is missing", "add `per_ms`"),
        (
            {"rate": RULE | {"per_ms": 5, "on_excess": "cancel_oldest"}},
            "flow.rate.on_excess",
            "'queue' or 'reject'",
            "",
        ),
        (
            {"debounce": {"period_ms": 9, "max_wait_ms": 5}},
            "flow.debounce",
            "less than `period_ms`",
            "at least as long",
        ),
        (
            {"concurrency": [{"limit": 101, "on_excess": "cancel_oldest"}]},
            *("flow.concurrency[0]", "keeps at most 100 runs", "a lower `limit`"),
        ),
        (
            {"concurrency": [{"key": "inputs.", "limit": 1}]},
            *("flow.concurrency[0].key", "not a CEL expression at character 8", ""),
        ),
        (
            {"rate": {"key": "outputs.x", "limit": 1, "per_ms": 5}},
            *("flow.rate.key", "names 'outputs.x', which is unknown", "known are inputs, tags, organisation"),
        ),
        (
            {"debounce": {"key": "[1, 2]", "period_ms": 5}},
            *("flow.debounce.key", "a value of type LIST", "such as inputs.customer"),
        ),
        (
            {"concurrency": [{"key": "inputs.all.exists(x, x)", "limit": 1}]},
            *("flow.concurrency[0].key", "cannot iterate", ""),
        ),
        ({"concurrency": [RULE, RULE]}, "flow.concurrency[1].key", "all runs had a limit before", "remove one"),
    ],
)
def test_a_wrong_section_is_refused(flow, path, said, fix):
    with pytest.raises(InvalidSpec) as refused:
        checked(flow)
    problem = refused.value.problems[0]
    assert problem.path == path
    assert said in problem.message
    assert fix in problem.fix


def test_inputs_that_keys_read_are_known():
    flow = {"concurrency": [{"key": "inputs.a", "limit": 1}], "rate": {"key": "inputs['b']", "limit": 1, "per_ms": 1}}
    assert known_inputs(checked(flow).resolved, any_arguments) == {"a", "b"}
    whole = {"debounce": {"key": "'a' in inputs ? 1 : 2", "period_ms": 5}}
    assert known_inputs(checked(whole).resolved, any_arguments) == {"a"}
