"""Runs an application of aiohttp on a free port."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


@asynccontextmanager
async def served_app(app: web.Application, port: int = 0) -> AsyncIterator[str]:
    """Serve ``app``, on a free port without one; yield its URL, without a slash at the end."""
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
