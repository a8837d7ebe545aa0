"""Entries of an audit log as evidence, and rows that count them. Every row names the entries that it was made of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import Struct

from schemas.records.definitions import AuditEvent
from schemas.records.security.pinned import Decision

#: Entries that a row names; of more it says how many there are.
NAMED: Final = 20


class Entry(Struct, frozen=True, gc=False):
    """An entry of the log with its place in it."""

    index: int
    event: AuditEvent


@dataclass(slots=True)
class Row:
    """One line of a statement. ``numbers`` are counted, ``texts`` say of what; ``entries`` are the first of ``of``."""

    texts: dict[str, str]
    numbers: dict[str, int] = field(default_factory=dict)
    entries: list[int] = field(default_factory=list)
    of: int = 0

    def add(self, index: int, name: str = "", number: int = 1) -> None:
        """Count something that an entry says."""
        if name:
            self.numbers[name] = self.numbers.get(name, 0) + number
        if not self.entries or self.entries[-1] != index:
            self.of += 1
            if len(self.entries) < NAMED:
                self.entries.append(index)

    @property
    def document(self) -> dict[str, Any]:
        """The row as JSON values."""
        return {**self.texts, **self.numbers, "entries": self.entries, "of": self.of}


class Table:
    """Rows by key, in the order of their keys."""

    def __init__(self, keys: tuple[str, ...], numbers: tuple[str, ...] = ()) -> None:
        self._keys = keys
        self._numbers = numbers
        self._rows: dict[tuple[str, ...], Row] = {}

    def add(self, key: tuple[str, ...], index: int, name: str = "", number: int = 1) -> None:
        """Count something in the row of a key."""
        row = self._rows.get(key)
        if row is None:
            texts = dict(zip(self._keys, key, strict=True))
            row = self._rows[key] = Row(texts, dict.fromkeys(self._numbers, 0))
        row.add(index, name, number)

    @property
    def documents(self) -> list[dict[str, Any]]:
        """The rows as JSON values."""
        return [self._rows[key].document for key in sorted(self._rows)]


def totals(rows: Iterable[Mapping[str, Any]], names: Iterable[str]) -> dict[str, int]:
    """Return the sums of columns."""
    found = list(rows)
    return {name: sum(row[name] for row in found) for name in names}


#: What a decision of a rule counts as.
OUTCOMES: Final = (
    "matched",
    "denied",
    "asked",
    "approved",
    "redacted",
    "routed",
    "allowed",
    "recorded",
    "shadow",
    "undecided",
)
_VERDICTS: Final[Mapping[str, str]] = {
    "deny": "denied",
    "ask": "asked",
    "redact": "redacted",
    "route": "routed",
    "record": "recorded",
}


def outcomes(one: Decision) -> tuple[str, ...]:
    """Return what a decision counts as: ``matched``, and what came of it.

    ``shadow`` was not enforced. ``approved`` is a question that a person said yes to. ``undecided`` denied since the
    condition could not be evaluated.
    """
    if not one.enforced:
        return ("matched", "shadow")
    if one.verdict == "allow":
        return ("matched", "approved" if one.reason.rpartition("; ")[2].startswith("approved") else "allowed")
    found = ("matched", _VERDICTS[one.verdict])
    return (*found, "undecided") if one.reason.startswith("error:") or one.rule == "error" else found


def decisions_of(event: AuditEvent) -> list[Decision]:
    """Return the decisions that an entry is the record of. A denial that stands in its attempt's record is none."""
    return event.decisions if event.kind == "decisions" or event.action == "policy.read" else []
