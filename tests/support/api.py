"""Shared parts of the API tests: a migrated database of their own, a log in memory, and a running app."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
from fastapi import FastAPI

from api.app import create_app
from api.services import TopicCreators
from connectors.ports.engine import OutRecord
from deploy.migrate import up
from schemas.errors import TooLarge, Unavailable
from schemas.settings import Settings
from tests.support.api_app import share_routes
from topics.codec import decode

DEADLINE_S = 60.0

PROMPT = {"name": "greeter", "version": 3, "template": "Greet {{name}} in {{language}}"}
WORKFLOW: dict[str, Any] = {
    "name": "greeting",
    "version": 1,
    "dag": {
        "nodes": [
            {"id": "greet", "type": "llm", "config": {"prompt_ref": "greeter@3"}},
            {"id": "merge", "type": "function", "config": {"function_name": "result_merger"}},
        ],
        "edges": [{"from": "greet", "to": "merge"}],
    },
}
INPUTS = {"name": "Ada", "language": "French"}
SUBMISSION = {"workflow_name": "greeting", "inputs": INPUTS}


def unique(prefix: str) -> str:
    """Return a name that no other test has."""
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


def empty_database(dsn: str) -> str:
    """Create a database and return its DSN."""
    name = f"test_{uuid.uuid4().hex}"

    async def create() -> None:
        conn = await asyncpg.connect(dsn)
        await conn.execute(f"CREATE DATABASE {name}")
        await conn.close()

    asyncio.run(create())
    return urlsplit(dsn)._replace(path=f"/{name}").geturl()


def migrated_database(dsn: str) -> str:
    """Create a database with every migration applied and return its DSN."""
    fresh = empty_database(dsn)
    asyncio.run(up(fresh))
    return fresh


@dataclass
class MemoryLog:
    """A log that keeps what is appended. ``down`` makes it answer nothing; ``hang`` makes it never answer."""

    records: list[OutRecord] = field(default_factory=list)
    appends: int = 0
    down: bool = False
    hang: bool = False

    async def start(self) -> None:
        """Connect."""

    async def stop(self) -> None:
        """Disconnect."""

    async def append(self, records: Sequence[OutRecord]) -> None:
        """Keep records."""
        if self.hang:
            await asyncio.Event().wait()
        if self.down:
            raise Unavailable("kafka", "append: no broker answers")
        self.appends += 1
        self.records.extend(records)

    async def partitions(self, topic: str) -> int:
        """Return one: nothing has grown."""
        return 1

    async def incarnation(self, topic: str) -> str:
        """Return a name."""
        if self.down:
            raise Unavailable("kafka", "no broker answers")
        return f"memory/{topic}"

    def decoded(self, topic: str) -> list[Any]:
        """Return the records of a topic."""
        return [decode(r.topic, r.value) for r in self.records if r.topic == topic]

    def last(self, topic: str) -> OutRecord:
        """Return the last record of a topic; others come at any moment, definitions among them."""
        return [r for r in self.records if r.topic == topic][-1]


class CaughtUp:
    """The progress of a log in memory: its readers have everything."""

    async def ends(self, topic: str) -> dict[int, int]:
        """Return nothing that a reader would have to reach."""
        return {}

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        """Return nothing."""
        return {}


@dataclass
class Running:
    """A running app with a client that sends the bootstrap key."""

    app: FastAPI
    client: httpx.AsyncClient
    log: MemoryLog
    settings: Settings

    @property
    def org_id(self) -> str:
        """The organisation of the bootstrap key."""
        return self.settings.api.default_org_id

    @property
    def api_key(self) -> str:
        """The bootstrap key."""
        return self.settings.security.api_key.get_secret_value()

    @property
    def postgres_dsn(self) -> str:
        """Where the app's history is."""
        return self.settings.postgres.dsn.get_secret_value()

    @property
    def redis_url(self) -> str:
        """Where the app's tables are."""
        return self.settings.redis.url.get_secret_value()

    @property
    def partitions(self) -> int:
        """The partitions of the tables."""
        return self.settings.kafka.partitions

    def as_key(self, key: str | None) -> httpx.AsyncClient:
        """Return a client with another key, or with none."""
        headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://api", headers=headers)

    async def define_greeting(self) -> None:
        """Create the prompt and the workflow that the tests submit."""
        (await self.client.post("/api/v1/prompts", json=PROMPT)).raise_for_status()
        (await self.client.post("/api/v1/workflows", json=WORKFLOW)).raise_for_status()


@asynccontextmanager
async def running(settings: Settings, log: MemoryLog | None = None) -> AsyncIterator[Running]:
    """Run an app with an organisation of its own."""
    log = log or MemoryLog()
    topics: list[str] = []

    async def create_topics(org_ids: Collection[str]) -> None:
        topics.extend(org_ids)

    async def create_queues(queues: Collection[str]) -> None:
        if "one-too-many" in queues:
            raise TooLarge("there are too many queues")
        topics.extend(f"step-requests.{queue}" for queue in queues)

    creators = TopicCreators(of_organisations=create_topics, of_queues=create_queues)
    app = create_app(settings, log=log, topics=creators, progress=CaughtUp())
    share_routes(app)
    app.state.created_topics = topics
    headers = {"Authorization": f"Bearer {settings.security.api_key.get_secret_value()}"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api", headers=headers) as client,
    ):
        yield Running(app, client, log, settings)


async def until_authenticated(api: Running) -> None:
    """Wait until the bootstrap key is stored."""
    async with asyncio.timeout(DEADLINE_S):
        while (await api.client.get("/api/v1/workflows")).status_code != 200:  # noqa: ASYNC110 - it is polled over HTTP
            await asyncio.sleep(0.02)


def settings_for(
    postgres_dsn: str, redis_url: str, clickhouse_url: str = "http://127.0.0.1:9", **variables: str
) -> Settings:
    """Return settings with an organisation that no other test has, and with ``variables`` by their own names."""
    env = {
        "DATABASE_URL": postgres_dsn,
        "REDIS_URL": redis_url,
        "CLICKHOUSE_URL": clickhouse_url,
        "CLICKHOUSE_DATABASE": "default",
        "DEFAULT_ORG_ID": unique("org"),
        "API_KEY": unique("a-bootstrap-key"),
        "KEY_PEPPER": "pepper",
        "TOPIC_PARTITIONS": "4",
    }
    return Settings.from_env(env | variables)


def changed(settings: Settings, **variables: str) -> Settings:
    """Return settings in which some variables have other values."""
    read, groups = Settings.from_env(variables), {}
    for name in Settings.model_fields:
        given = getattr(read, name)
        values = {field: getattr(given, field) for field in given.model_fields_set}
        groups[name] = getattr(settings, name).model_copy(update=values)
    return settings.model_copy(update=groups)
