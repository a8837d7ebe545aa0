"""What was decided of one value, for the audit log: which rule, about how many findings of which kind. No values."""

from collections import Counter
from collections.abc import Sequence

from schemas.errors import StepError
from schemas.privacy.findings import Finding
from schemas.records.security.pinned import Decision, Point, Verdict


class Noted:
    """What was decided: one decision for each rule, with what it found."""

    def __init__(self, point: Point, subject: str) -> None:
        self._point = point
        self._subject = subject
        self._rules: dict[tuple[str, Verdict, bool], Counter[str]] = {}
        self.decisions: list[Decision] = []
        self.kinds: Counter[tuple[str, str]] = Counter()

    def count(self, finding: Finding, became: str) -> None:
        """Count a finding by its kind and what became of it."""
        self.kinds[finding.kind, became] += 1

    def add(self, rule: str, verdict: Verdict, kind: str, *, enforced: bool) -> None:
        """Note that a rule said something of a finding."""
        self._rules.setdefault((rule, verdict, enforced), Counter())[kind] += 1

    def decide(self, rule: str, verdict: Verdict, reason: str, *, enforced: bool) -> None:
        """Note a decision."""
        self.decisions.append(
            Decision(
                point=self._point,
                rule=f"privacy:{rule}",
                verdict=verdict,
                subject=self._subject,
                reason=reason,
                enforced=enforced,
            )
        )

    def conclude(self) -> None:
        """Make the decisions of what was noted."""
        for (rule, verdict, enforced), kinds in self._rules.items():
            said = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
            self.decide(rule, verdict, f"found {said}", enforced=enforced)
        self._rules = {}


class PrivacyRefusal(StepError):
    """A value that may not pass, with what was decided on the way."""

    def __init__(self, error: StepError, decisions: Sequence[Decision]) -> None:
        super().__init__(error.code, str(error), retryable=error.retryable, details=error.details)
        self.decisions = list(decisions)


def refusal(error: StepError, decisions: Sequence[Decision]) -> PrivacyRefusal:
    """Return an error that has the decisions with it."""
    return PrivacyRefusal(error, decisions)
