"""Documents are counted before they are composed, so that no document takes long to be refused."""

import json
import time
from typing import Any

import pytest

from schemas.errors import InvalidSpec
from schemas.spec.check.workflow import check_spec, parse_workflow
from schemas.spec.text.read import MAX_DOCUMENT_CHARS, MAX_PROBLEMS, read_document
from schemas.spec.text.size import MAX_DEPTH, MAX_VALUES

#: Of CPU, on a machine that does other work; each of these took up to minutes before.
REFUSED_WITHIN_S = 2.5


def spec(nodes: list[Any], edges: list[Any] | None = None) -> dict[str, Any]:
    return {"name": "a", "version": 1, "dag": {"nodes": nodes, "edges": edges or []}}


def tool(n: int, **config: Any) -> dict[str, Any]:
    return {"id": f"n{n}", "type": "tool", "config": {"tool_name": "s3.fetch"} | config}


def register(document: str) -> None:
    check_spec(parse_workflow(document), prompts={}, tools={"s3.fetch"}, functions={"result_merger"})


def refusal(document: str) -> tuple[InvalidSpec, float]:
    """Return how a document is refused, and after how many seconds of CPU."""
    began = time.process_time()
    with pytest.raises(InvalidSpec) as caught:
        register(document)
    return caught.value, time.process_time() - began


NODES = [tool(n) for n in range(1000)]
HOSTILE = {
    "deep_flow": "dag: " + "[" * 2000,
    "deep_flow_1mb": "dag: " + "[" * (MAX_DOCUMENT_CHARS - 10),
    "deep_mappings": "dag: " + "{a: " * 200_000,
    "deep_blocks": "\n".join(" " * n + "a:" for n in range(1300)),
    "deep_dashes": "- " * 200_000,
    "deep_json": '{"a": ' + "[" * 900_000,
    "numbers": "name: a\nversion: 1\ndag: [" + ",".join(map(str, range(15_000))) + "]",
    "numbers_as_nodes": "name: a\nversion: 1\ndag: {nodes: [" + ",".join(map(str, range(15_000))) + "]}",
    "keys": "\n".join(f"key{n}: v" for n in range(60_000)),
    "keys_json": json.dumps({f"key{n}": 1 for n in range(60_000)}),
    "unknown_fields": json.dumps({f"key{n}": 1 for n in range(25_000)}),
    "documents": "--- {}\n" * 100_000,
    "directives": "".join(f"%TAG !a{n}! tag:x\n" for n in range(30_000)),
    "aliases": "a: &a [x, x]\n" + "\n".join(f"b{n}: &b{n} [*a, *a]" for n in range(1000)),
    "anchors": "".join(f"- &a{n} x\n" for n in range(50_000)),
    "comments": "#" * (MAX_DOCUMENT_CHARS - 10),
    "tags": "- !!str a\n" * 90_000,
    "edges_to_nowhere": json.dumps(
        spec(NODES, [{"from": f"m{n}", "to": f"q{n + k}"} for n in range(900) for k in range(9)])
    ),
    "unknown_config": json.dumps(spec([tool(n, **{f"field{k}": 1 for k in range(15)}) for n in range(1000)])),
    "too_many_nodes": json.dumps(
        spec([tool(n) for n in range(7000)], [{"from": f"n{n}", "to": f"n{n + 1}"} for n in range(2000)])
    ),
    "same_ids": json.dumps(spec([tool(0)] * 1000)),
    "digits": '{"a": ' + "1" * 900_000 + "}",
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_a_hostile_document_is_refused_soon(name: str) -> None:
    assert len(HOSTILE[name]) <= MAX_DOCUMENT_CHARS
    refused, seconds = refusal(HOSTILE[name])
    assert 0 < len(refused.problems) <= MAX_PROBLEMS
    assert all(problem.fix for problem in refused.problems)
    assert seconds < REFUSED_WITHIN_S


@pytest.mark.parametrize("write", [json.dumps, lambda data: "x: " + json.dumps(data)], ids=["json", "yaml"])
def test_values_are_counted_to_the_bound(write: Any) -> None:
    fits, more = [0] * (MAX_VALUES - 5), [0] * (MAX_VALUES + 5)
    assert read_document(write({"a": fits}))
    with pytest.raises(InvalidSpec, match=f"more than {MAX_VALUES} keys and values"):
        read_document(write({"a": more}))


@pytest.mark.parametrize("write", ["{{a: {}}}", '{{"a": {}}}'], ids=["yaml", "json"])
def test_levels_are_counted_to_the_bound(write: str) -> None:
    most = MAX_DEPTH - 1
    assert read_document(write.format("[" * most + "]" * most))
    with pytest.raises(InvalidSpec, match="nested deeper than"):
        read_document(write.format("[" * (most + 2) + "]" * (most + 2)))


def test_a_second_document_is_named_by_its_line() -> None:
    with pytest.raises(InvalidSpec, match="line 2: a second document begins; send one workflow per request"):
        read_document("a: 1\n--- {b: 1}\n")


def test_a_workflow_of_the_most_nodes_is_accepted() -> None:
    chain = [{"from": f"n{n}", "to": f"n{n + 1}"} for n in range(999)]
    nodes = [tool(n, tool_args={f"a{k}": f"{{{{v{k}}}}}" for k in range(10)}) for n in range(1000)]
    assert len(parse_workflow(json.dumps(spec(nodes, chain))).dag.nodes) == 1000
