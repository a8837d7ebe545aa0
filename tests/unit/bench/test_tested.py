"""Figures that tests record are read from pytest's report."""

import pytest

from bench import tested
from bench.lines import BenchError
from bench.tested import Outcomes, read_report

REPORT = """<testsuites><testsuite>
<testcase name="test_a"><properties><property name="waits_s" value="0.25"/></properties></testcase>
<testcase name="test_b"><failure message="no"/></testcase>
<testcase name="test_c"><error message="late"/></testcase>
{more}</testsuite></testsuites>"""


def test_report_gives_passed_failed_and_figures():
    assert read_report(REPORT.format(more="")) == Outcomes(1, {"test_b": "no", "test_c": "late"}, {"waits_s": 0.25})


def test_skipped_test_has_no_figure():
    with pytest.raises(BenchError, match="test_d was skipped: no engine"):
        read_report(REPORT.format(more='<testcase name="test_d"><skipped message="no engine"/></testcase>'))


def test_figures_come_from_tests_of_this_checkout(tmp_path):
    path = tmp_path / "test_figure.py"
    path.write_text("def test_one(record_property):\n    record_property('answer', 42)\n", encoding="utf-8")
    assert tested.run_tests(str(path), options=["-p", "no:cacheprovider"]) == Outcomes(1, {}, {"answer": 42.0})


def test_tests_that_are_not_there_are_an_error(tmp_path):
    with pytest.raises(BenchError, match="no test ran"):
        tested.run_tests(str(tmp_path / "test_none.py"))
