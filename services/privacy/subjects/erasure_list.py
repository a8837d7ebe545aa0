"""The erasure list: who must not come back with a backup.

It is the vault's tombstones. A restore of the data asks it before the data is used, see docs/how-to/erase-a-person.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.errors import SubjectErased
from services.privacy.subjects.ports import SubjectKeys

#: Subjects that are looked up together.
AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Found:
    """Subjects of restored data that were erased, with when, and those that the vault has no key of."""

    erased: dict[str, int]
    unknown: list[str]


async def refuse_erased(keys: SubjectKeys, org_id: str, subjects: Iterable[str]) -> None:
    """Raise ``SubjectErased`` if the key of one of these pseudonyms was destroyed, and ``Unavailable``."""
    found = await erased_among(keys, org_id, subjects)
    if found.erased:
        names = ", ".join(sorted(found.erased)[:5])
        raise SubjectErased(f"{len(found.erased)} subjects were erased, and must not be restored: {names}")


async def erased_among(keys: SubjectKeys, org_id: str, subjects: Iterable[str]) -> Found:
    """Return which of these pseudonyms were erased, and which have no key: their data opens with no vault."""
    wanted = sorted(set(subjects))
    erased: dict[str, int] = {}
    unknown: list[str] = []
    for start in range(0, len(wanted), AT_ONCE):
        part = wanted[start : start + AT_ONCE]
        gone = await keys.erased(org_id, part)
        erased |= gone
        known = await keys.known_subject_keys(org_id, [one for one in part if one not in gone])
        unknown += [one for one in part if one not in gone and one not in known]
    return Found(erased, unknown)
