"""Facts of providers in memory, folded from ``definitions`` by every process that makes calls."""

from typing import Protocol

from pydantic import ValidationError

from schemas.compliance.facts import Facts, FactsDocument, StoredFacts
from schemas.compliance.shipped import SHIPPED
from schemas.errors import BadRecord, Unavailable
from schemas.records.definitions import Definition
from schemas.values.fields import first_fault

#: What holds of an organisation that states nothing.
SHIPPED_ALONE = Facts(SHIPPED)


class FactsSource(Protocol):
    """Knows the facts of organisations."""

    def of(self, org_id: str) -> Facts:
        """Return an organisation's facts. Raises ``Unavailable`` while they are not known."""
        ...


class KnownFacts:
    """The newest facts of all organisations.

    Before ``mark_loaded`` reports that the topic was read to its end once, the absence of facts proves nothing.
    """

    def __init__(self, base: FactsDocument = SHIPPED) -> None:
        """``base`` holds of all organisations: what comes along, with the installation's own."""
        self._base = base
        self._alone = Facts(base)
        self._facts: dict[str, Facts] = {}
        self._loaded = False

    def apply(self, definition: Definition) -> None:
        """Apply one record; other kinds are ignored. Raises ``BadRecord`` for a body that has no facts."""
        if definition.kind != "provider_facts":
            return
        try:
            stored = StoredFacts.model_validate(definition.body)
        except ValidationError as exc:
            raise BadRecord("provider_facts", f"{definition.key} has no facts: {first_fault(exc)}") from exc
        known = self._facts.get(definition.org_id)
        if known is None or known.version < stored.version:
            self._facts[definition.org_id] = Facts(self._base, stored.facts, stored.version)

    def mark_loaded(self) -> None:
        """Report that every definition that existed at the start was applied."""
        self._loaded = True

    def of(self, org_id: str) -> Facts:
        """Return an organisation's facts. Raises ``Unavailable`` before the first load."""
        if not self._loaded:
            raise Unavailable("provider facts", "the facts of providers have not been read to their end yet", 1.0)
        return self._facts.get(org_id, self._alone)
