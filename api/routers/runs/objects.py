"""Stored values, which other answers show as references, by their hash."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.dependencies import Parts, Reader
from api.http.concurrency_limit import Bound
from api.routers.errors import errors
from connectors.objects.store import CorruptObject
from schemas.errors import Unavailable

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
async def get_object(sha256: Sha256, who: Reader, parts: Parts) -> Response:
    """Return the bytes of one of the organisation's references, verified against their hash."""
    try:
        with DOWNLOADS.place():
            data = await parts.runs.objects.read(who.org_id, sha256)
    except CorruptObject as exc:
        raise Unavailable("objects", str(exc)) from exc
    return Response(data, media_type="application/octet-stream", headers=_HEADERS | {"ETag": f'"{sha256}"'})
