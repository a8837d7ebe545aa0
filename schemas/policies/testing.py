"""Runs the tests in a policy: facts, and what its rules have to say of them. It needs no server.

A policy in shadow mode is tested as if it were enforced.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from schemas.policies.cases import facts_of
from schemas.policies.compiled import PolicySet, compile_policy
from schemas.policies.compliance import rules_of
from schemas.policies.document import Policy, PolicyTest
from schemas.policies.facts import AdminFacts, Facts, ModelFacts, OutputFacts, ToolFacts
from schemas.policies.rulings import Ruling
from schemas.privacy.cases import said_of


class TestResult(Struct, frozen=True, kw_only=True):
    """How one test ended: what was expected, what the policy said, and the rules that matched."""

    name: str
    passed: bool
    expected: str
    got: str
    rules: Sequence[str] = ()
    missing: Sequence[str] = ()
    reasons: Sequence[str] = ()

    @property
    def line(self) -> str:
        """The result in one line."""
        if self.passed:
            return f"{self.name}: {self.got}"
        if self.missing:
            return f"{self.name}: rule {', '.join(self.missing)} did not match; matched: {self._matched}"
        return f"{self.name}: expected {self.expected}, got {self.got}; matched: {self._matched}"

    @property
    def _matched(self) -> str:
        return "; ".join(self.reasons) or "no rule"


class Report(Struct, frozen=True, kw_only=True):
    """The results of a policy's tests. ``untested`` are rules that no test expects by name, and that none matched."""

    results: Sequence[TestResult]
    untested: Sequence[str]

    @property
    def failed(self) -> list[TestResult]:
        """The results of tests that failed."""
        return [one for one in self.results if not one.passed]

    @property
    def document(self) -> dict[str, Any]:
        """The report as JSON values."""
        results = [
            {
                "name": one.name,
                "passed": one.passed,
                "expected": one.expected,
                "got": one.got,
                "rules": list(one.rules),
                "reasons": list(one.reasons),
            }
            for one in self.results
        ]
        failed = len(self.failed)
        return {"passed": len(results) - failed, "failed": failed, "tests": results, "untested": list(self.untested)}


def run_tests(policy: Policy) -> Report:
    """Run the tests of a policy. ``read_policy`` has checked their facts."""
    compiled = compile_policy(policy.model_copy(update={"mode": "enforce"}))
    results = [_result(compiled, test, policy) for test in policy.tests]
    matched = {rule for one in results for rule in one.rules}
    section = policy.privacy
    ids = [rule.id for rule in rules_of(policy)]
    ids += [] if section is None else [rule.id for rule in (*section.redact, *section.influence)]
    return Report(results=results, untested=[one for one in ids if one not in matched])


def decide(compiled: PolicySet, facts: Facts) -> Ruling:
    """Return the ruling at the point that the facts are of."""
    if isinstance(facts, ToolFacts):
        return compiled.tool_call(facts)
    if isinstance(facts, ModelFacts):
        return compiled.model_call(facts)
    if isinstance(facts, AdminFacts):
        return compiled.admin(facts)
    return compiled.output(facts) if isinstance(facts, OutputFacts) else compiled.read(facts)


def _result(compiled: PolicySet, test: PolicyTest, policy: Policy) -> TestResult:
    if test.at == "privacy":
        return _of_privacy(test, policy)
    ruling = decide(compiled, facts_of(test.at, test.facts, policy.declarations))
    rules = [one.rule for one in ruling.decisions]
    missing = [one for one in test.rules or () if one not in rules]
    reasons = [f"{one.rule} ({one.verdict}{f', {one.reason}' if one.reason else ''})" for one in ruling.decisions]
    # Rules in shadow mode count, since they are what is being tried.
    return TestResult(
        name=test.name,
        passed=ruling.said == test.expect and not missing,
        expected=test.expect,
        got=ruling.said,
        rules=rules,
        missing=missing,
        reasons=reasons,
    )


def _of_privacy(test: PolicyTest, policy: Policy) -> TestResult:
    said = said_of(policy.privacy, test.facts)
    missing = [one for one in test.rules or () if one not in said.rules]
    return TestResult(
        name=test.name,
        passed=said.verdict == test.expect and not missing,
        expected=test.expect,
        got=said.verdict,
        rules=said.rules,
        missing=missing,
        reasons=said.rules,
    )
