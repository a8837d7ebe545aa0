"""Cached answers of models: what they saved, and their removal."""

from fastapi import APIRouter

from api.dependencies import Parts, Reader, Writer
from api.http.strict_json import StrictJsonRoute
from api.routers.errors import errors
from schemas.api_models.cache import CacheAnswer, CachePurged, CacheScope, PurgeCache
from schemas.money import usd
from services.caching.scopes import Counts, selected, stats_of

router = APIRouter(prefix="/api/v1/cache", tags=["cache"], route_class=StrictJsonRoute)


@router.get("", responses=errors(), summary="Read what the cache saved")
async def get_cache(who: Reader, parts: Parts) -> CacheAnswer:
    """Return hits, misses, bytes and the money saved: in all, and by workflow, prompt and model."""
    stats = stats_of(await parts.cache.stats(who.org_id))
    scopes = [CacheScope(kind=kind, name=name, **_counts(one)) for (kind, name), one in stats.scopes.items()]
    most = parts.cache.bounds.org_bytes
    return CacheAnswer(**_counts(stats.total), hits_by_kind=stats.hits_by_kind, max_bytes=most, scopes=scopes)


@router.post("/purge", responses=errors(413), summary="Remove cached answers")
async def purge_cache(body: PurgeCache, who: Writer, parts: Parts) -> CachePurged:
    """Remove the organisation's answers of a workflow, prompt, model or tag, or all of them."""
    scopes = selected(workflow=body.workflow, prompt=body.prompt, model=body.model, tags=body.tags)
    purged = await parts.cache.purge(who.org_id, scopes)
    return CachePurged(entries=purged.entries, bytes=purged.bytes)


def _counts(one: Counts) -> dict[str, int | str]:
    return {
        "hits": one.hits,
        "misses": one.misses,
        "entries": one.entries,
        "bytes": one.bytes,
        "saved_usd": usd(one.saved_nano),
    }
