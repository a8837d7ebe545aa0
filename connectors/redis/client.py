"""Makes every client of Redis: of one server, of a cluster, or of the master that Sentinels watch.

The URL says which (``connectors.redis.pipelined.address``). redis-py's own client is for one server alone; all else is
the pipelined one, which has the same commands. Each function raises ``ValueError`` for a URL that cannot be read.
"""

from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from connectors.redis.errors import redis_errors
from connectors.redis.pipelined.address import read_place
from connectors.redis.pipelined.client import PipelinedRedis
from connectors.redis.tls import pool_options

#: A server that hangs keeps its connections open, and a lost packet is noticed by nobody else.
ANSWER_S = 5.0
CONNECT_S = 2.0


def connect(url: str, *, answer_s: float = ANSWER_S) -> Redis:
    """Return a client, not yet connected, whose every call ends within about twice ``answer_s``.

    A call is repeated once, and at once: connections of the pool that a restarted server has closed are found that way.
    Longer waiting is for those who know what they wait for. Of a cluster or a watched master nothing is repeated, since
    the one that answered may have been replaced.
    """
    if read_place(url).kind != "single":
        return connect_pipelined(url, answer_s=answer_s)
    once = Retry(NoBackoff(), 1)
    options = pool_options(url)
    return Redis.from_pool(
        ConnectionPool(**options, socket_timeout=answer_s, socket_connect_timeout=CONNECT_S, retry=once)
    )


def connect_bounded(url: str, *, connections: int, timeout_s: float) -> Redis:
    """Return a client with at most so many connections, whose every call, the wait for one included, is bounded.

    ``close`` closes it. Of a cluster or a watched master it has one connection to each server.
    """
    if read_place(url).kind != "single":
        return connect_pipelined(url, answer_s=timeout_s, connect_s=timeout_s)
    pool = BlockingConnectionPool(
        **pool_options(url),
        max_connections=connections,
        timeout=timeout_s,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
    )
    return Redis(connection_pool=pool)


def connect_pipelined(url: str, *, answer_s: float = ANSWER_S, connect_s: float = CONNECT_S) -> PipelinedRedis:
    """Return a client, not yet connected, whose callers share one connection and one write for each turn of the loop.

    It costs a tenth of the CPU for many small calls at once. It repeats nothing, see ``connectors.redis.pipelined``.
    """
    # The pool makes no connection: the place is the client's own to find.
    return PipelinedRedis(ConnectionPool(protocol=2), url, answer_s=answer_s, connect_s=connect_s)


async def close(redis: Redis) -> None:
    """Close a client of ``connect_bounded`` with its connections. Safe to repeat."""
    await redis.aclose(close_connection_pool=True)


async def ping(redis: Redis) -> None:
    """Ask for an answer. Raises ``Unavailable``."""
    with redis_errors("ping"):
        await redis.ping()
