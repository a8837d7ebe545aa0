"""Who may see recorded data: the rules at ``read`` of the policy that is active now, for what runs were given and gave.

Only an organisation with an active policy that has such rules is asked anything. Each value is decided by its own
labels; one without labels is trusted least. A value that is denied is not shown, and says which rule withheld it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cachetools import LRUCache

from schemas.errors import AgentFlowError
from schemas.labels.label import TRUSTED, UNLABELLED, Label
from schemas.labels.mapped import Labels
from schemas.policies.compiled import PolicySet, compile_policy
from schemas.policies.facts import Reader, ReadFacts, Where
from schemas.policies.rulings import Ruling
from schemas.records.base import Json
from schemas.records.security.pinned import Decision, Mode
from services.security.enforcement.redaction import redacted
from services.security.policies.active import Active

#: Compiled policies that are kept.
MAX_COMPILED = 256
#: The key of what stands in place of a value that may not be seen.
WITHHELD = "withheld"


class Activated(Protocol):
    """Which policies are active, see ``active``."""

    async def of(self, org_id: str) -> Active | None:
        """Return an organisation's active policy. Raises ``Unavailable``."""
        ...


class Readings:
    """Makes what decides for a reader."""

    def __init__(self, active: Activated) -> None:
        self._active = active
        self._compiled: LRUCache[tuple[str, Mode], PolicySet] = LRUCache(MAX_COMPILED)

    async def of(self, org_id: str, reader: Reader) -> "Reading | None":
        """Return what decides for a reader; ``None`` where all may be seen that the key admits.

        Raises ``Unavailable`` when nobody knows whether there is a policy.
        """
        active = await self._active.of(org_id)
        if active is None or not any(rule.at == "read" for rule in active.policy.rules):
            return None
        key = (active.hash, active.mode)
        compiled = self._compiled.get(key)
        if compiled is None:
            compiled = self._compiled[key] = compile_policy(active.policy, active.mode)
        return Reading(compiled, active.name, org_id, reader)


@dataclass(frozen=True, slots=True)
class Subject:
    """The run that values are of."""

    run_id: str
    workflow: str
    version: int
    tags: Mapping[str, str]


class Reading:
    """Decides what one reader sees in one request. ``decisions`` are those that matched, for the audit log."""

    def __init__(self, policy: PolicySet, name: str, org_id: str, reader: Reader) -> None:
        self._policy = policy
        self.policy = name
        self._org_id = org_id
        self.reader = reader
        self.decisions: list[Decision] = []

    def value(self, of: Subject, value: Json, labels: Labels, kind: str, path: str, node: str = "") -> Json:
        """Return a value as the reader may see it."""
        ruling = self._ruled(of, labels.whole, kind, path, node)
        if ruling.verdict == "deny":
            return withheld(ruling)
        if ruling.verdict == "redact":
            return redacted(value, labels, ruling.changes)
        return value

    def payload(self, of: Subject, payload: Mapping[str, Any], kind: str, path: str, node: str = "") -> dict[str, Any]:
        """Return a recorded payload as the reader may see it. A reference of which a part is hidden is withheld."""
        labels = labels_of(payload.get("labels"))
        ruling = self._ruled(of, labels.whole, kind, path, node)
        inline = payload.get("kind") == "inline"
        if ruling.verdict == "allow":
            return dict(payload)
        if ruling.verdict == "redact" and inline:
            return {**payload, "value": redacted(payload.get("value"), labels, ruling.changes)}
        return {"kind": "inline", "value": withheld(ruling)}

    def whole(self, of: Subject, label: Label, kind: str) -> Ruling:
        """Return the ruling on what cannot be shown in parts, such as all that a run has said to models."""
        return self._ruled(of, label, kind, "$", "")

    def _ruled(self, of: Subject, label: Label, kind: str, path: str, node: str) -> Ruling:
        where = Where(
            org=self._org_id, workflow=of.workflow, version=of.version, run=of.run_id, node=node, tags=of.tags
        )
        facts = ReadFacts(where=where, reader=self.reader, label=label, control=TRUSTED, kind=kind, path=path)
        ruling = self._policy.read(facts)
        self.decisions += ruling.decisions
        return ruling


def labels_of(recorded: Mapping[str, Sequence[str]] | None) -> Labels:
    """Return recorded labels; of what has none, or none that can be read, the least trusted with nobody to read it."""
    if recorded is None:
        return Labels.of_whole(UNLABELLED)
    try:
        return Labels.read(recorded) if recorded else Labels.of_whole(UNLABELLED)
    except AgentFlowError:
        return Labels.of_whole(UNLABELLED.join(Label(readers=frozenset())))


def withheld(ruling: Ruling) -> dict[str, Json]:
    """Return what stands in place of a value that may not be seen."""
    return {WITHHELD: ruling.message or "a policy withholds it"}
