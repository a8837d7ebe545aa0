"""Claims of attempts that somebody had begun when a site was lost: the start counts, and nobody holds them."""

from collections.abc import Sequence

from redis.asyncio import Redis

from connectors.redis.claims.leases import KEEP_MS
from connectors.redis.errors import redis_errors
from connectors.redis.keys import runs_slot

BATCH = 500


async def note_begun(redis: Redis, attempts: Sequence[tuple[str, str]], partitions: int, at_ms: int) -> None:
    """Give attempts, by run and request, a claim as of a worker that died in them. Raises ``Unavailable``.

    The next worker takes it at once, and ``policy.on_unknown`` decides, see ``streams.roles.worker.unknown_outcome``.
    """
    for start in range(0, len(attempts), BATCH):
        with redis_errors("note attempts as begun"):
            async with redis.pipeline(transaction=False) as pipe:
                for run_id, request_id in attempts[start : start + BATCH]:
                    key = runs_slot(run_id, partitions).claim(request_id)
                    fields = ("state", "running", "owner", "", "until", 0, "starts", 1, "calls", 1, "made", at_ms)
                    pipe.hset(key, items=list(fields))
                    pipe.pexpire(key, KEEP_MS)
                await pipe.execute()
