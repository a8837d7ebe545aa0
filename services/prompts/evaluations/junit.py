"""A report as JUnit XML, which CI systems show: one test case per case of the dataset, regressions are failures.

The report names cases that got worse only, so the dataset's cases come with it.
"""

import re
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape, quoteattr

from schemas.prompts.evaluations import Case, Regression, Report
from services.prompts.evaluations.tables import headline, number

#: Characters that XML 1.0 cannot have, not even escaped.
_NOT_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_of_report(report: Report, cases: Iterable[Case], failures: Sequence[str] = ()) -> str:
    """Return a report as a test suite. ``failures`` are thresholds that it misses (``gate``): one test case more."""
    regressions = {one.case_id: one for one in report.regressions}
    name = f"{report.prompt} on {report.dataset}"
    tests = [_case(name, case, regressions.get(case.id)) for case in sorted(cases, key=lambda case: case.id)]
    tests.append(_gate(name, report, failures))
    failed = len(regressions) + bool(failures)
    head = f"<testsuite name={_value(name)} tests={_value(str(len(tests)))} failures={_value(str(failed))}>"
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *tests, "</testsuite>", ""])


def _case(suite: str, case: Case, regression: Regression | None) -> str:
    head = f"  <testcase classname={_value(suite)} name={_value(case.id)}"
    if regression is None:
        return f"{head}/>"
    message = f"score {number(regression.before)} before, {number(regression.after)} after"
    return f'{head}><failure type="regression" message={_value(message)}/></testcase>'


def _gate(suite: str, report: Report, failures: Sequence[str]) -> str:
    """Return the test case of the thresholds. Its name is always the same, so that CI systems know it again."""
    missed = f'<failure type="threshold" message={_value("; ".join(failures))}/>' if failures else ""
    said = f"<system-out>{escape(_xml(headline(report)))}</system-out>"
    return f"  <testcase classname={_value(suite)} name={_value('gate')}>{missed}{said}</testcase>"


def _value(text: str) -> str:
    return quoteattr(_xml(text))


def _xml(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
