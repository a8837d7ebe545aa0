"""What folds require of the id of an organisation, since names of entries are made of it."""

import re

from schemas.errors import BadRecord

_ORG_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check_org_id(org_id: str) -> None:
    """Raise ``BadRecord`` for an id that may name the entries of another organisation."""
    if not _ORG_ID.fullmatch(org_id):
        raise BadRecord("org_id", f"organisation id {org_id!r} is not letters, digits, '-' and '_'")
