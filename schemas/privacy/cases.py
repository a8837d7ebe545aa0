"""Tests of a section ``privacy``: a finding as a detector would give it, and what the section says of it. Pure."""

from typing import Any

from msgspec import Struct
from pydantic import BaseModel, ConfigDict

from schemas.privacy.document import INFLUENCE_KINDS, Influenced, Privacy, Where
from schemas.privacy.findings import Finding
from schemas.privacy.kinds import data_class_of
from schemas.privacy.plan import Plan
from schemas.records.security.pinned import Verdict


class PrivacyCase(BaseModel):
    """A finding. ``where`` it is, or for a kind of influence what it is ``in``. An empty ``node``: inputs of a run."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: str
    data_class: str = ""
    confidence: float = 1.0
    where: Where = "log"
    text: Influenced = "tool_result"
    workflow: str = "workflow"
    node: str = "node"

    @property
    def finding(self) -> Finding:
        """The finding."""
        return Finding(
            kind=self.kind,
            data_class=self.data_class or data_class_of(self.kind),
            start=0,
            end=1,
            confidence=self.confidence,
            rule="test",
        )


class Said(Struct, frozen=True):
    """What a section says of a finding, and by which rules."""

    verdict: Verdict
    rules: tuple[str, ...] = ()


def said_of(section: Privacy | None, facts: dict[str, Any]) -> Said:
    """Return what a section says. Rules in shadow mode count, since they are what is being tried."""
    case = PrivacyCase.model_validate(facts)
    if section is None:
        return Said("allow")
    plan = Plan(_enforced(section), "enforce", case.workflow, case.node)
    finding = case.finding
    if not plan.is_finding(finding):
        return Said("allow")
    if case.kind in INFLUENCE_KINDS:
        rules = plan.influence_of(case.text, finding)
        is_denied = any(rule.action == "deny" for rule in rules)
        return Said("deny" if is_denied else "allow", tuple(rule.id for rule in rules))
    rule, _ = plan.rules_for(case.where, finding)
    if rule is None:
        return Said("allow")
    return Said(_VERDICTS.get(rule.action, "redact"), (rule.id,))


_VERDICTS: dict[str, Verdict] = {"keep": "allow", "deny": "deny"}


def _enforced(section: Privacy) -> Privacy:
    enforce = {"mode": "enforce"}
    return section.model_copy(
        update={
            **enforce,
            "redact": tuple(rule.model_copy(update=enforce) for rule in section.redact),
            "influence": tuple(rule.model_copy(update=enforce) for rule in section.influence),
        }
    )
