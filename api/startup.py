"""What the API does from its start on, besides answering: it connects, publishes, and makes what a new system lacks."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from api.clients import Clients
from api.services import Services
from connectors.tools.tools_file import ToolsFile
from schemas.configuration.seeded_keys import read_seeded
from schemas.errors import TooLarge, TryLater
from schemas.settings import Settings

logger = logging.getLogger(__name__)

RETRY_S = 1.0


def lifespan_of(
    settings: Settings, clients: Clients, services: Services
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Return the app's life: connections open and tasks running while it is served."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            clients.open(stack)
            _load_tools(settings.tools.file)
            stack.push_async_callback(services.runs.waits.close)
            stack.push_async_callback(services.leases.steps.stop)
            stack.push_async_callback(services.definitions.checks.close)
            for peer in services.cells.peers.values() if services.cells is not None else ():
                stack.push_async_callback(peer.close)
            tasks = [
                asyncio.create_task(_until_done("connect to kafka", clients.log.start)),
                asyncio.create_task(_organisations(settings, services)),
                asyncio.create_task(_until_done("create the queues of workflows", lambda: _queues(services))),
                asyncio.create_task(services.definitions.publisher.run()),
                asyncio.create_task(services.limits.publisher.run()),
                asyncio.create_task(services.runs.known.watch()),
                asyncio.create_task(services.money.opening.run()),
                asyncio.create_task(services.access.authenticator.uses.run()),
                asyncio.create_task(services.audit.auditing.run()),
                asyncio.create_task(services.access.places.watch()),
                *([asyncio.create_task(services.cells.mover.run())] if services.cells is not None else []),
            ]
            stack.push_async_callback(services.access.authenticator.uses.flush)
            stack.push_async_callback(services.audit.auditing.flush, all_minutes=True)
            stack.push_async_callback(_cancel, tasks)
            yield

    return lifespan


async def _organisations(settings: Settings, services: Services) -> None:
    """Store the keys of settings with their organisations, and then create the topics of all organisations."""
    await _until_done("store keys of settings", lambda: _bootstrap(settings, services))
    await _until_done("create the topics of organisations", lambda: _topics(services))


async def _bootstrap(settings: Settings, services: Services) -> None:
    org_id, secret = settings.api.default_org_id, settings.security.api_key.get_secret_value()
    authenticator = services.access.authenticator
    given = [authenticator.bootstrap(org_id, secret)] if secret else []
    given += map(authenticator.configured, read_seeded(settings.security.api_keys.get_secret_value()))
    await services.access.keys.bootstrap(org_id, given)
    services.definitions.publisher.wake()


async def _topics(services: Services) -> None:
    """Create the topics of organisations that lack some: new ones of settings, or those of a version with fewer."""
    await services.definitions.topics.of_organisations([one.id for one in await services.access.organisations.all()])


async def _queues(services: Services) -> None:
    """Create the topics of queues that workflows name and that a new broker does not have."""
    queues = await services.definitions.workflows.queues()
    try:
        if queues:
            await services.definitions.topics.of_queues(queues)
    except TooLarge as exc:
        logger.warning("queues of workflows are missing: %s", exc, extra={"action": "too_many_queues"})


def _load_tools(file: str) -> None:
    """Load the user's file of tools, with which registration compares workflows, and again at SIGHUP.

    The file alone does not say when: a tool may be named once the workers have it, and who restarts those knows.
    """
    if not file:
        return
    tools = ToolsFile(Path(file))
    tools.refresh()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, tools.refresh)


async def _until_done(what: str, work: Callable[[], Awaitable[None]]) -> None:
    """Try until it works; say so once when it does not at first."""
    said = False
    while True:
        try:
            await work()
            return
        except TryLater as exc:
            if not said:
                logger.warning("cannot %s yet: %s", what, exc, extra={"action": "dependency_down"})
                said = True
            await asyncio.sleep(RETRY_S)


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    """End the tasks. A client that connects may swallow a cancellation as a failed attempt, so it is repeated."""
    waiting = set(tasks)
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=RETRY_S)
    await asyncio.gather(*tasks, return_exceptions=True)
