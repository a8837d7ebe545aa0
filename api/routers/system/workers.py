"""Workers of the deployment. They serve every organisation, so the list is for administrators."""

from collections.abc import Collection

from fastapi import APIRouter

from api.dependencies import Admin, Parts
from api.routers.errors import errors
from connectors.redis.worker_registry import BEAT_S, FORGOTTEN_AFTER_S, MISSED_BEATS
from schemas.api_models.base import timestamp
from schemas.api_models.operations.workers import WorkerAnswer, WorkersAnswer
from schemas.queues import owner_of
from topics.catalogue import lane

router = APIRouter(prefix="/api/v1/workers", tags=["operations"])


@router.get("", responses=errors())
async def list_workers(who: Admin, parts: Parts) -> WorkersAnswer:
    """List live, lost and stopped workers, by id; of queues of organisations, only the caller's own."""
    workers = [
        WorkerAnswer(
            id=seen.said.id,
            state=seen.state,
            lanes=[topic for topic in seen.said.lanes if who.bootstrap or _owner(topic) in (None, who.org_id)],
            concurrency=seen.said.concurrency,
            in_flight=0 if seen.state == "stopped" else seen.said.in_flight,
            version=seen.said.version,
            started_at=timestamp(seen.said.started_ms),
            last_seen_at=timestamp(seen.seen_ms),
            providers=None if seen.said.providers is None else list(seen.said.providers),
            memory_bytes=seen.said.memory_bytes,
            memory_limit_bytes=seen.said.memory_limit_bytes,
        )
        for seen in await parts.operations.workers.all()
        if who.bootstrap or _serves(seen.said.lanes, who.org_id)
    ]
    return WorkersAnswer(workers=workers, lost_after_s=MISSED_BEATS * BEAT_S, forgotten_after_s=FORGOTTEN_AFTER_S)


def _serves(lanes: Collection[str], org_id: str) -> bool:
    """Return true unless all lanes of a worker are queues of other organisations."""
    owners = set(map(_owner, lanes))
    return not owners or bool(owners & {None, org_id})


def _owner(topic: str) -> str | None:
    return owner_of(topic.removeprefix(lane("")))
