"""Policies as the API shows them."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from connectors.postgres.policies.activations import Activation
from connectors.postgres.policies.versions import PolicyLine, PolicyVersion
from schemas.api_models.base import timestamp
from schemas.api_models.security import policies as models
from schemas.policies.document import Policy
from schemas.policies.testing import Report


def line(one: PolicyLine) -> models.PolicyLine:
    """Return a version without its document."""
    return models.PolicyLine(
        name=one.name,
        version=one.version,
        hash=one.hash,
        created_by=one.created_by,
        created_at=timestamp(one.created_ms),
    )


def version(one: PolicyVersion) -> models.PolicyAnswer:
    """Return a version."""
    return models.PolicyAnswer(**line(one.line).model_dump(), document=one.policy.document)


def activation(one: Activation) -> models.PolicyActivation:
    """Return one activation."""
    return models.PolicyActivation(
        number=one.number,
        name=one.name or None,
        version=one.version or None,
        hash=one.hash or None,
        mode=one.mode,
        activated_by=one.by,
        activated_at=timestamp(one.at_ms),
    )


def active(history: Sequence[Activation]) -> models.ActivePolicy:
    """Return what is active, from the activations, the newest first."""
    return models.ActivePolicy(active=_active(history), history=[activation(one) for one in history])


def page(lines: Iterable[PolicyLine], history: Sequence[Activation]) -> models.PolicyPage:
    """Return the policies, from their versions by name, the newest first."""
    found = []
    for name, versions in groupby(lines, key=lambda one: one.name):
        known = list(versions)
        newest = known[0]
        found.append(
            models.PolicySummary(
                name=name, newest=newest.version, versions=len(known), created_at=timestamp(newest.created_ms)
            )
        )
    return models.PolicyPage(active=_active(history), policies=found)


def tested(policy: Policy, report: Report) -> models.PolicyTested:
    """Return the results of a policy's tests."""
    results = [
        models.PolicyTestResult(
            name=one.name,
            at=test.at,
            expected=test.expect,
            verdict=one.got,
            rules=list(one.rules),
            passed=one.passed,
            reasons=list(one.reasons),
        )
        for test, one in zip(policy.tests, report.results, strict=True)
    ]
    return models.PolicyTested(passed=not report.failed, results=results, untested=list(report.untested))


def _active(history: Sequence[Activation]) -> models.PolicyActivation | None:
    return activation(history[0]) if history and history[0].name else None
