"""The pseudonym of a data subject: what records have in place of the id that the caller knows a person by.

It is a keyed hash under the organisation's key, so that the same person is the same pseudonym, and nobody without the
key can try ids.
"""

from schemas.errors import InvalidInput, Problem
from services.privacy.subjects.ports import SubjectKeys

#: Characters of a caller's id.
ID_MOST = 256
_HEX = 32


async def pseudonym_of(keys: SubjectKeys, org_id: str, subject_id: str) -> str:
    """Return the pseudonym of a person. Raises ``InvalidInput`` for an id that is none, and ``Unavailable``."""
    text = subject_id.strip()
    if not text or len(text) > ID_MOST or not text.isprintable():
        message = f"has {len(text)} characters, or some that cannot be printed"
        raise InvalidInput.of(Problem("subject", message, f"give 1 to {ID_MOST} printable characters"))
    key = await keys.org_key(org_id)
    return f"sub_{key.name('subject', text).hex()[:_HEX]}"
