"""Capture of requests and responses: all of them, their structure only, or nothing."""

import hashlib
from typing import Any

from schemas.errors import SubjectErased, Undecodable
from schemas.payload import Payload, inline
from schemas.privacy.wants import Sealing
from schemas.records.run_events import Capture
from services.calls.ports import Objects


async def captured(objects: Objects, org_id: str, capture: Capture, body: Any, subject: str = "") -> Payload | None:
    """Return a body as ``capture`` lets it be recorded. Raises ``Unavailable`` when it is large and cannot be stored.

    That of a call for a data subject is sealed; of one whose key is destroyed nothing is recorded.

    A body that no record can carry must not cost the answer that came with it: then the reason is recorded instead.
    """
    if capture == "none" or body is None:
        return None
    sealing = Sealing(subject) if subject else None
    try:
        return await objects.to_payload(org_id, redacted(body) if capture == "redacted" else body, sealing=sealing)
    except Undecodable as exc:
        return inline({"not_captured": str(exc)}) if sealing is None else None
    except SubjectErased:
        return None


def redacted(value: Any) -> Any:
    """Return the value with every text replaced by its length and SHA-256; keys, numbers and structure stay.

    Equal strings still compare as equal, and the size of a prompt is known, but nothing can be read.
    """
    if isinstance(value, str):
        return {"length": len(value), "sha256": hashlib.sha256(value.encode()).hexdigest()}
    if isinstance(value, dict):
        return {key: redacted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [redacted(item) for item in value]
    return value
