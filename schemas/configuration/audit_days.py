"""Days by kind of audit entry, as the settings ``AUDIT_DAYS`` and ``AUDIT_DAYS_OF`` have them."""

from dataclasses import dataclass, field
from typing import get_args

from schemas.records.security.pinned import AuditKind

KINDS: tuple[AuditKind, ...] = get_args(AuditKind)
_KINDS = f"kinds are {', '.join(KINDS)}"


def audit_days_of(days: str, days_of: str) -> "AuditDays":
    """Return the days of both settings. Raises ``ValueError`` that says what is wrong."""
    return AuditDays(read_audit_days(days), read_audit_days_of(days_of))


def read_audit_days(text: str) -> dict[AuditKind, int]:
    """Return days by kind from ``key_use=90,decisions=365``. Raises ``ValueError`` that says what is wrong."""
    found: dict[AuditKind, int] = {}
    for pair in _pairs(text):
        said = _read(pair)
        if said is None or said[1] < 1:
            raise ValueError(
                f"{pair!r} is not a kind of entry and a number of days; write key_use=90,decisions=365, {_KINDS}"
            )
        found[said[0]] = said[1]
    return found


def read_audit_days_of(text: str) -> dict[str, dict[AuditKind, int]]:
    """Return days by organisation and kind from ``acme:key_use=30,acme:denial=0``; 0 keeps entries for ever.

    Raises ``ValueError`` that says what is wrong.
    """
    found: dict[str, dict[AuditKind, int]] = {}
    for pair in _pairs(text):
        org_id, _, rest = pair.partition(":")
        said = _read(rest)
        if not org_id or said is None:
            raise ValueError(
                f"{pair!r} is not an organisation, a kind of entry and a number of days; write "
                f"acme:key_use=30,acme:denial=0 (0: for ever), {_KINDS}"
            )
        found.setdefault(org_id, {})[said[0]] = said[1]
    return found


@dataclass(frozen=True, slots=True)
class AuditDays:
    """For how many days what entries say is kept, by kind: ``of_all``, and ``of`` single organisations.

    Kinds without days, and those of 0 days, are kept for ever.
    """

    of_all: dict[AuditKind, int]
    of: dict[str, dict[AuditKind, int]] = field(default_factory=dict)

    @property
    def said(self) -> list[tuple[AuditKind, int]]:
        """Every number of days that some organisation has for a kind, each once."""
        pairs = [pair for days in (self.of_all, *self.of.values()) for pair in days.items()]
        return [(kind, days) for kind, days in dict.fromkeys(pairs) if days]

    def kept(self, org_id: str, kind: AuditKind) -> int:
        """Return an organisation's days for a kind; 0 for ever."""
        return self.of.get(org_id, {}).get(kind, self.of_all.get(kind, 0))


def _pairs(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _read(pair: str) -> tuple[AuditKind, int] | None:
    name, _, days = pair.partition("=")
    kind = next((one for one in KINDS if one == name), None)
    return None if kind is None or not days.isascii() or not days.isdigit() else (kind, int(days))
