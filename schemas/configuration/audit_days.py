"""Days by kind of audit entry, as the setting ``AUDIT_DAYS`` has them."""

from typing import get_args

from schemas.records.security.pinned import AuditKind

KINDS: tuple[AuditKind, ...] = get_args(AuditKind)


def read_audit_days(text: str) -> dict[AuditKind, int]:
    """Return days by kind from ``key_use=90,decisions=365``. Raises ``ValueError`` that says what is wrong."""
    found: dict[AuditKind, int] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, _, days = pair.partition("=")
        kind = next((one for one in KINDS if one == name), None)
        if kind is None or not days.isascii() or not days.isdigit() or int(days) < 1:
            raise ValueError(
                f"{pair!r} is not a kind of entry and a number of days; write key_use=90,decisions=365, "
                f"kinds are {', '.join(KINDS)}"
            )
        found[kind] = int(days)
    return found
