"""A poll that begins what is sure to go on soon is handed over with the rest of it.

A chunk costs its turn once, however many records it holds. A chain's worker tells each step's result as it goes on: by
themselves these results would be as many chunks, and its last one, which somebody waits for, would stand behind them.
"""

import time
from collections.abc import Awaitable, Callable

from streams.runtime.consumer.poll import Poll

#: Seconds to wait and records to take, at most, to what came.
Fetch = Callable[[float, int], Awaitable[Poll]]


async def drain_linger(
    poll: Poll,
    most: int,
    linger_s: Callable[[Poll], float],
    fetch: Fetch,
    monotonic: Callable[[], float] = time.monotonic,
) -> Poll:
    """Return a poll with what came while the latest of it said that more follows, at most ``most`` records.

    ``linger_s`` says of the first poll for how many seconds to wait in all, and of each later one whether to go on.
    """
    wait_s = linger_s(poll)
    until = monotonic() + wait_s
    while wait_s > 0 and (left_s := until - monotonic()) > 0 and (room := most - poll.size) > 0:
        latest = await fetch(left_s, room)
        poll, wait_s = joined(poll, latest), linger_s(latest)
    return poll


def joined(first: Poll, then: Poll) -> Poll:
    """Return two polls of one assignment as one."""
    partitions = first.records.keys() | then.records.keys()
    return first._replace(records={p: first.records.get(p, []) + then.records.get(p, []) for p in partitions})
