"""The lines that tests prove: each group has tests that are there, and one that fails misses its own line's floor."""

import ast

from bench.prove.area import missed
from bench.prove.areas import AREAS
from bench.prove.observability import by_tests
from bench.prove.proved import lines_of_tests
from bench.results import ROOT
from bench.tested import Outcomes

PROVED = (*by_tests.PROVED, by_tests.PROMTOOL, by_tests.IN_PHOENIX)


def test_every_test_that_is_named_is_there() -> None:
    for path, _, name in (test.partition("::") for one in PROVED for test in one.tests):
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, f"{path}: {name}"


def test_no_test_counts_in_two_lines() -> None:
    names = [test.rpartition("::")[2] for one in PROVED for test in one.tests]
    assert len(names) == len(set(names))


def test_one_that_fails_misses_the_floor_of_its_own_line() -> None:
    failed = {"test_what_a_model_was_asked_is_in_no_store[none]": "kafka provider-calls"}
    lines = lines_of_tests(PROVED, Outcomes(9, failed, {}))
    assert missed(AREAS["observability"], lines) == ["capture_none_failed"]
    assert lines_of_tests(PROVED, Outcomes(9, {}, {}))[0].value == 0
