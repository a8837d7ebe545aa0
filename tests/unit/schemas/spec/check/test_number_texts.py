"""Numbers that a document writes as texts."""

import pytest

from schemas.errors import InvalidSpec
from schemas.spec.check.workflow import parse_workflow


def document(**changes):
    node = {"id": "a", "type": "llm", "config": {"prompt_ref": "p@1", "max_tokens": changes.pop("max_tokens", "12")}}
    node["policy"] = {"retries": {"jitter": changes.pop("jitter", 0.1)}, "timeout_ms": changes.pop("timeout_ms", 5)}
    return {"name": "w", "version": 1, "dag": {"nodes": [node], "edges": []}} | changes


def test_ascii_decimals_are_read():
    spec = parse_workflow(document(version="3", jitter="0.5"))
    assert (spec.version, spec.dag.nodes[0].config.max_tokens, spec.dag.nodes[0].policy.retries.jitter) == (3, 12, 0.5)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"version": "1_0"}, "version"),
        ({"max_tokens": " 7"}, "dag.nodes[0].config.max_tokens"),
        ({"jitter": "0_1"}, "dag.nodes[0].policy.retries.jitter"),
        ({"timeout_ms": "+5"}, "dag.nodes[0].policy.timeout_ms"),
    ],
)
def test_other_texts_are_refused(changes, path):
    with pytest.raises(InvalidSpec) as caught:
        parse_workflow(document(**changes))
    (problem,) = caught.value.problems
    assert (problem.path, bool(problem.fix)) == (path, True)
