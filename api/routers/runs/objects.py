"""Stored values, which other answers show as references, by their hash."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.caller import Caller
from api.dependencies import Parts, Reader
from api.http.concurrency_limit import Bound
from api.reading import reading_of, record, restored_object, seen_object
from api.routers.errors import errors
from api.services import Services
from connectors.objects.store import CorruptObject
from schemas.errors import Forbidden, Unavailable
from schemas.privacy.sealed import SUBJECT_PATTERN

router = APIRouter(prefix="/api/v1/objects", tags=["runs"])

Sha256 = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="The `sha256` of a reference.")]
#: An object has up to 64 MiB, and is in memory as a whole until it is sent.
DOWNLOADS = Bound("downloads", 8)
#: The bytes of a hash never change. They belong to one organisation, and a browser must not render them as a page.
_HEADERS = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Content-Disposition": "attachment",
    "X-Content-Type-Options": "nosniff",
}


@router.get("/{sha256}", responses={200: {"content": {"application/octet-stream": {}}}, **errors(404, 429)})
async def get_object(
    sha256: Sha256,
    who: Reader,
    parts: Parts,
    run_id: Annotated[
        str | None,
        Query(
            max_length=64,
            description="A run that refers to it: needed where a policy has rules for readers, and to get values back.",
        ),
    ] = None,
    subject: Annotated[
        str | None,
        Query(pattern=f"^{SUBJECT_PATTERN}$", description="Of a sealed reference: the subject that its `uri` names."),
    ] = None,
) -> Response:
    """Return the bytes of one of the organisation's references, verified against their hash.

    Sealed bytes are opened with the key of their `subject`, while there is one. With `run_id`, a reader whom a policy
    lets see values gets them in place of tokens; then the bytes have another hash, and are not to be cached.
    """
    await _require_seen(parts, who, sha256, run_id)
    try:
        with DOWNLOADS.place():
            data = await parts.runs.objects.read(who.org_id, sha256)
            if subject is not None:
                data = await parts.runs.objects.opened(who.org_id, subject, data)
    except CorruptObject as exc:
        raise Unavailable("objects", str(exc)) from exc
    shown = data if run_id is None else await restored_object(parts, who, run_id, sha256, data)
    if shown != data:
        # What one reader sees is no property of the hash, and no cache may keep it.
        return Response(shown, media_type="application/octet-stream", headers=_HEADERS | {"Cache-Control": "no-store"})
    return Response(data, media_type="application/octet-stream", headers=_HEADERS | {"ETag": f'"{sha256}"'})


async def _require_seen(parts: Services, who: Caller, sha256: str, run_id: str | None) -> None:
    """Raise ``Forbidden`` unless a policy with rules for readers lets the caller see the object.

    Bytes have no labels of their own, so they are those of the reference in a run that the caller names.
    """
    reading = await reading_of(parts, who)
    if reading is None:
        return
    if run_id is None:
        said = f"the policy {reading.policy} decides who may see objects by the run that refers to them"
        raise Forbidden(f"{said}; name it in `run_id`")
    found = await parts.runs.history.get(who.org_id, run_id, step_outputs=True)
    if found is None:
        raise await parts.runs.known.unknown(run_id)
    allowed = seen_object(reading, *found, sha256)
    await record(parts, who, reading, run_id)
    if not allowed:
        raise Forbidden(f"the policy {reading.policy} does not let this key see this object of run {run_id}")
