"""The lines that tests prove: each group has tests that are there, and a test that failed counts in its own line."""

import ast
from pathlib import Path

import pytest

from bench.lines import BenchError
from bench.prove.area import missed
from bench.prove.areas import AREAS
from bench.prove.doors import java, refusals
from bench.prove.doors.by_tests import PROVED, WEBHOOK_FIGURES, lines_of
from bench.results import ROOT
from bench.tested import Outcomes

FIGURES = dict.fromkeys(WEBHOOK_FIGURES, 0.0)


def test_every_test_that_is_named_is_there():
    ids = [test for one in PROVED for test in one.tests] + list(refusals.TESTS) + list(java.TESTS)
    for one in ids:
        path, _, name = one.partition("::")
        assert not name or name.partition("[")[0] in functions(ROOT / path), one


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_all_that_pass_reach_the_floor():
    lines = lines_of(PROVED, Outcomes(9, {}, FIGURES))
    assert missed(AREAS["doors"], lines) == []
    assert len(lines) == len(PROVED) + len(WEBHOOK_FIGURES)


def test_one_that_fails_misses_the_floor_of_its_own_line():
    failed = {"test_a_read_key_cannot_write[http]": "it wrote"}
    lines = lines_of(PROVED, Outcomes(8, failed, FIGURES | {"webhook_down_lost": 2.0}))
    assert missed(AREAS["doors"], lines) == ["mcp_read_key_failed", "webhook_down_lost"]
    assert "it wrote" in next(line.note for line in lines if line.name == "mcp_read_key_failed")


def test_figures_that_were_not_recorded_are_an_error():
    with pytest.raises(BenchError, match="recorded no webhook_down_lost"):
        lines_of(PROVED, Outcomes(9, {}, {}))
