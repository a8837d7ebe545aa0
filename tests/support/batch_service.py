"""The local server of batch wires in a thread of its own, for tests of whole systems."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bench.batching.server import BatchServer, batch_server


@contextmanager
def batch_service(lasts_ms: int) -> Iterator[BatchServer]:
    """Run a server whose batches take so long by the clock."""
    ready, found = threading.Event(), list[BatchServer]()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with batch_server(lasts_ms) as server:
            server.is_live = True
            found.append(server)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    if not ready.wait(30):
        raise TimeoutError("the server of batches did not start")
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()
