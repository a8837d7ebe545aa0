"""What an organisation's policy takes out of rows of a dataset before they are stored.

A dataset is a copy that outlives its runs, is read by people and is asked of models again. So each row is redacted by
the policy that is active when the dataset is made, by its rules at ``dataset`` and at ``log``, whatever the policy of
the run was. What cannot be looked at becomes no row; a detector or a vault that fails refuses the whole.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from msgspec.structs import replace

from connectors.postgres.history.runs import StoredRun
from schemas.errors import PrivacyRefused, StepError, Unavailable
from schemas.labels.label import TRUSTED, UNLABELLED, Label
from schemas.labels.mapped import Labels
from schemas.labels.paths import ROOT, Path
from schemas.privacy.document import Influenced, Privacy
from schemas.privacy.kinds import data_class_of
from schemas.privacy.plan import Plan
from schemas.prompts.evaluations import Case
from schemas.records.security.pinned import Decision, Verdict
from schemas.spec.error_codes import PRIVACY_REFUSED
from services.privacy.redact.noted import PrivacyRefusal
from services.privacy.redact.redactor import Of, Redacted, Redactor
from services.privacy.redact.redactors import Redactors
from services.security.policies.active import Active

REFUSED = "the policy refuses it"
TOO_LARGE = "it is too large to be searched for personal data"
_TOO_LARGE = ("too_large", "too_deep")
_STAYS = ("keep", "shadow", "flag")
_TRUSTED = {"$": ["trusted"]}


class Activated(Protocol):
    """Which policies are active, see ``services.security.policies.active``."""

    async def of(self, org_id: str) -> Active | None:
        """Return an organisation's active policy. Raises ``Unavailable``."""
        ...


class NoRow(Exception):
    """A row is left out; its text is the reason."""


@dataclass(slots=True)
class RowPrivacy:
    """Redacts the rows of one dataset. ``taken`` counts what was taken out, by data class and kind."""

    org_id: str
    active: Active | None
    redactors: Redactors | None
    taken: Counter[tuple[str, str]] = field(default_factory=Counter)
    _rows: Counter[tuple[str, Verdict, bool]] = field(default_factory=Counter)

    def redacts(self, workflow: str, node: str) -> bool:
        """Return whether the policy takes anything out of rows of a workflow's node; without one of every node."""
        section = self._section
        if self.active is None or section is None:
            return False
        return Plan(section, self.active.mode, workflow, node).takes_out("dataset")

    @property
    def by_class(self) -> dict[str, dict[str, int]]:
        """How many values were taken out: by data class, then by kind."""
        found: dict[str, dict[str, int]] = {}
        for (of_class, kind), count in sorted(self.taken.items()):
            found.setdefault(of_class, {})[kind] = count
        return found

    @property
    def decisions(self) -> list[Decision]:
        """What was decided, for the audit log: each rule with the number of its rows."""
        return [
            Decision(point="output", rule=rule, verdict=verdict, reason=f"in {rows} rows", enforced=enforced)
            for (rule, verdict, enforced), rows in sorted(self._rows.items())
        ]

    def labels_of(self, run: StoredRun) -> Labels | None:
        """Return the labels of a run's inputs; ``None`` where there are none, and no policy that decides by them."""
        if run.security is not None:
            return Labels.read(run.security.get("inputs") or {})
        return None if self.active is None else Labels.of_whole(UNLABELLED)

    async def row(self, run: StoredRun, node: str, case: Case) -> Case:
        """Return a case as it may be stored.

        Raises ``NoRow`` for one that the policy refuses, ``PrivacyRefused`` when nobody can look at it, ``Unavailable``
        while the vault is down.
        """
        redactor = self._redactor(run.workflow_name, node)
        if redactor is None or self.active is None:
            return case
        of = Of(self.org_id, run.id)
        inputs = await self._looked_at(redactor, of, case.inputs, "input")
        expected = await self._looked_at(redactor, of, case.expected, "answer")
        labels = _joined(case.labels, {"inputs": inputs.labels, "expected": expected.labels})
        return replace(case, inputs=inputs.value, expected=expected.value, labels=labels)

    async def _looked_at(self, redactor: Redactor, of: Of, value: Any, influenced: Influenced) -> Redacted:
        try:
            found = await redactor.apply(of, value, "dataset", point="output", subject="dataset", influenced=influenced)
        except PrivacyRefusal as exc:
            self._note(exc.decisions)
            raise NoRow(REFUSED) from exc
        except StepError as exc:
            raise _outcome(exc) from exc
        self._note(found.decisions)
        for (kind, became), count in found.kinds.items():
            if became not in _STAYS:
                self.taken[self._class_of(kind), kind] += count
        return found

    def _note(self, decisions: list[Decision]) -> None:
        self._rows.update({(one.rule, one.verdict, one.enforced) for one in decisions})

    def _redactor(self, workflow: str, node: str) -> Redactor | None:
        if self.active is None or self._section is None:
            return None
        if self.redactors is None:
            raise PrivacyRefused("the organisation's policy redacts datasets, and no vault is set up; set VAULT_KEY")
        try:
            return self.redactors.of(self.active.policy, self.active.hash, self.active.mode, workflow, node)
        except StepError as exc:
            raise _outcome(exc) from exc

    def _class_of(self, kind: str) -> str:
        own = () if self._section is None else self._section.rules_of_ours
        return next((one.of_class for one in own if one.kind == kind), data_class_of(kind))

    @property
    def _section(self) -> Privacy | None:
        return None if self.active is None else self.active.policy.privacy


def _outcome(exc: StepError) -> Exception:
    """Return what becomes of an import when a row cannot be looked at."""
    if exc.retryable:
        return Unavailable("vault", f"rows cannot be redacted now, so nothing was stored: {exc}")
    if exc.details.get("reason") in _TOO_LARGE:
        return NoRow(TOO_LARGE)
    if exc.code == PRIVACY_REFUSED:
        return NoRow(REFUSED)
    return PrivacyRefused(f"rows cannot be looked at, so nothing was stored: {exc}")


def _joined(
    before: Mapping[str, list[str]], found: Mapping[Literal["inputs", "expected"], Labels | None]
) -> dict[str, list[str]]:
    """Return labels of a row with those of what was found in its parts."""
    places: dict[Path, Label] = {ROOT: TRUSTED}
    for part, labels in found.items():
        if labels is not None:
            places |= labels.placed((part,))
    return Labels.read(before or _TRUSTED).join(Labels(places)).recorded
