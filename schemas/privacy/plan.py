"""The rules of a policy's section ``privacy`` that count for one node, or for a run's inputs. Pure."""

from collections.abc import Sequence

from schemas.policies.patterns import matches
from schemas.privacy.document import (
    INFLUENCE_KINDS,
    WHERE,
    Images,
    Influenced,
    InfluenceRule,
    Links,
    Privacy,
    RedactRule,
    RestoreTools,
    Where,
)
from schemas.privacy.findings import Finding
from schemas.records.security.pinned import Mode

#: Places whose values have labels.
LABELLED: tuple[Where, ...] = ("log", "dataset")


class Plan:
    """What is done where. ``node`` is empty for inputs of runs, to which rules that name nodes do not apply."""

    def __init__(self, section: Privacy, mode: Mode, workflow: str, node: str = "") -> None:
        self.section = section
        self.is_shadow = "shadow" in (mode, section.mode)
        self._names = (workflow, node)
        chosen = [rule for rule in section.redact if self._counts(rule)]
        self._redact = {where: [rule for rule in chosen if _is_at(rule, where)] for where in WHERE}
        self.links: Links | None = section.links if section.links is not None and self._counts(section.links) else None
        images = section.images
        #: Where pictures stay as they are there is nothing to do.
        self.images = images if images is not None and images.action != "keep" and self._counts(images) else None
        self._influence = [rule for rule in section.influence if self._counts(rule)]

    def changes(self, at: Where) -> bool:
        """Return whether a rule looks at this place; in the log and in datasets findings become labels in any case."""
        return at in LABELLED or bool(self._redact[at])

    def takes_out(self, at: Where) -> bool:
        """Return whether a rule may change something at this place."""
        return any(self.is_enforced(rule) and rule.action != "keep" for rule in self._redact[at])

    def is_enforced(self, rule: RedactRule | InfluenceRule | Links | Images) -> bool:
        """Return whether a rule changes anything, or is recorded alone."""
        return not self.is_shadow and rule.mode == "enforce"

    def rules_for(self, at: Where, finding: Finding) -> tuple[RedactRule | None, list[RedactRule]]:
        """Return the enforced rule that decides, if any, and those in shadow mode that would have before it."""
        would: list[RedactRule] = []
        for rule in self._redact[at]:
            if not _is_of(rule, finding) or finding.confidence < rule.min_confidence:
                continue
            if self.is_enforced(rule):
                return rule, would
            if not would:
                would.append(rule)
        return None, would

    def influence_of(self, at: Influenced, finding: Finding) -> list[InfluenceRule]:
        """Return the rules that a finding of influence trips."""
        return [
            rule
            for rule in self._influence
            if at in rule.at and finding.kind in rule.kinds and finding.confidence >= rule.threshold
        ]

    def is_finding(self, finding: Finding) -> bool:
        """Return whether the policy wants to know of it: of its kinds, and sure enough."""
        detect = self.section.detect
        if finding.kind in INFLUENCE_KINDS:
            # Rules of influence have thresholds of their own.
            return True
        return finding.confidence >= detect.min_confidence and (not detect.kinds or finding.kind in detect.kinds)

    def restored_arguments(self, tool: str) -> list[RestoreTools]:
        """Return the rules by which a tool's arguments get values back."""
        return [rule for rule in self.section.restore.tools if matches(rule.tools, tool) and self._counts(rule)]

    def _counts(self, rule: RedactRule | InfluenceRule | RestoreTools | Links | Images) -> bool:
        workflow, node = self._names
        if not node and rule.nodes:
            return False
        return matches(rule.workflows, workflow) and matches(rule.nodes, node)


def fits(kinds: Sequence[str], classes: Sequence[str], kind: str, data_class: str) -> bool:
    """Return whether a kind is among those named; without any names every kind is."""
    return not (kinds or classes) or kind in kinds or data_class in classes


def _is_of(rule: RedactRule, finding: Finding) -> bool:
    return finding.kind in rule.kinds or finding.data_class in rule.classes


def _is_at(rule: RedactRule, where: Where) -> bool:
    """Return whether a rule counts at a place. A dataset holds nothing that the log may not have."""
    return where in rule.at or (where == "dataset" and "log" in rule.at)
