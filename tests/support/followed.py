"""An API that is served with a NATS and history, and clients that follow runs."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
import uvicorn

from connectors.aio.clock import WallClock
from connectors.nats.pubsub import Nats
from connectors.ports.engine import InRecord
from connectors.postgres.database import Database
from connectors.postgres.history.run_writes import RunWrites
from deploy.local.engines import EngineStack
from deploy.local.engines.ports import LOOPBACK
from schemas.records.run_views import RunView
from streams.roles.sinks.live import Live
from tests.support.api import MemoryLog, Running, running, settings_for, until_authenticated
from tests.support.polling import until_async
from topics.catalogue import RUN_VIEWS
from topics.codec import encode

RUNS = "/api/v1/workflows/runs"
DEADLINE_S = 60.0


@dataclass
class Followed:
    """One client's stream so far."""

    events: list[dict[str, str]] = field(default_factory=list)
    comments: int = 0
    ended: bool = False

    def take(self, line: str, block: dict[str, str]) -> dict[str, str]:
        if line.startswith(":"):
            self.comments += 1
        elif line:
            name, _, value = line.partition(": ")
            block[name] = value
        elif block:
            self.events.append(block)
            return {}
        return block

    @property
    def last_id(self) -> str:
        return next((event["id"] for event in reversed(self.events) if "id" in event), "")

    def seen(self) -> list[tuple[str, str]]:
        """Statuses of the run, and steps with theirs, in the order in which they came."""
        found = [(e["event"], json.loads(e["data"])) for e in self.events if "event" in e]
        return [(data["id"] if name == "step" else name, data["status"]) for name, data in found]


@dataclass
class Stage:
    """An API that is served, and what writes history and says changes."""

    api: Running
    server: uvicorn.Server
    http: httpx.AsyncClient
    writes: RunWrites
    live: Live
    bus: Nats
    stack: EngineStack
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def org(self) -> str:
        return self.api.org_id

    async def write(self, one: RunView, *, history: bool = True, say: bool = True) -> None:
        """Do with a view what the roles do with it."""
        if say:
            record = InRecord(RUN_VIEWS, 0, one.version, WallClock().now_ms(), one.run_id.encode(), encode(one))
            await self.live.write([(record, record)])
        if history:
            await self.writes.write([one])

    def follow(
        self, run_id: str, last_id: str = "", *, tokens: bool = False, **headers: str
    ) -> tuple[Followed, asyncio.Task[None]]:
        """Open a stream in the background."""
        followed = Followed()
        if last_id:
            headers["Last-Event-ID"] = last_id
        task = asyncio.create_task(self._read(f"{run_id}/events{'?tokens=1' if tokens else ''}", followed, headers))
        self.tasks.append(task)
        return followed, task

    async def _read(self, path: str, followed: Followed, headers: dict[str, str]) -> None:
        async with self.http.stream("GET", f"{RUNS}/{path}", headers=headers) as answer:
            assert answer.status_code == 200, await answer.aread()
            assert answer.headers["content-type"].startswith("text/event-stream")
            block: dict[str, str] = {}
            async for line in answer.aiter_lines():
                block = followed.take(line, block)
        followed.ended = True

    @property
    def open_streams(self) -> int:
        return self.api.app.state.services.runs.streams.bound.under_way

    def view(self, run_id: str, version: int, status: str = "running", **steps: str) -> RunView:
        fields: dict[str, Any] = {
            "run_id": run_id,
            "org_id": self.org,
            "version": version,
            "workflow_name": "flow",
            "workflow_version": 1,
            "status": status,
            "source": "api",
            "body_hash": "h",
            "spec_hash": "s",
            "submitted_at_ms": 1_763_831_207_000,
            "started_at_ms": 1_763_831_207_100,
            "finished_at_ms": 1_763_831_208_000 if status in ("succeeded", "failed", "canceled") else None,
            "trace_id": "t",
            "steps": [
                {"step_id": name, "node_id": name, "kind": "function", "state": state, "attempt": 1}
                for name, state in steps.items()
            ],
        }
        return msgspec.convert(fields, RunView)


@asynccontextmanager
async def staged(dsn: str, redis_url: str, nats: EngineStack, nats_url: str) -> AsyncIterator[Stage]:
    settings = settings_for(dsn, redis_url, NATS_URL=nats_url)
    bus = Nats(nats.endpoints.nats_url, "test-live")
    bus.start()
    await until_async(lambda: bus.connected, DEADLINE_S, "the live role is connected")
    database = Database(dsn, timeout_s=10)
    async with running(settings, MemoryLog()) as api:
        await until_authenticated(api)
        config = uvicorn.Config(api.app, host=LOOPBACK, port=0, lifespan="off", log_config=None, access_log=False)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        await until_async(lambda: server.started, DEADLINE_S, "the API is served")
        port = server.servers[0].sockets[0].getsockname()[1]
        headers = {"Authorization": f"Bearer {settings.security.api_key.get_secret_value()}"}
        async with httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}", headers=headers, timeout=30) as http:
            stage = Stage(api, server, http, RunWrites(database), Live(bus, WallClock()), bus, nats)
            yield stage
            for task in stage.tasks:
                task.cancel()
            await asyncio.gather(*stage.tasks, return_exceptions=True)
        server.should_exit = True
        await serving
    await database.close()
    await bus.stop()
