"""Events become signed requests, which the specification's own package verifies; after an outage they come, too."""

import asyncio
import random
from collections.abc import AsyncIterator
from ipaddress import ip_network

import orjson
import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook

from connectors.aio.clock import WallClock
from connectors.http.webhook_sender import WebhookSender
from connectors.kms.opening import LocalKms
from connectors.kms.sealing import EnvelopeKeys
from connectors.ports.engine import InRecord
from connectors.postgres.database import Database
from connectors.postgres.webhooks.deliveries import WebhookDeliveries
from connectors.postgres.webhooks.stored import Webhooks
from schemas.errors import BadRecord
from services.webhooks.deliver import Deliverer
from services.webhooks.enqueue import Enqueuer
from services.webhooks.loop import DeliveryLoop
from streams.roles.webhooks import EventSink, read_event
from tests.support.api import migrated_database, unique
from tests.support.http_app import served_app

DEADLINE_S = 30


class Receiver:
    """Keeps what it verifies; while ``down`` it answers 503."""

    def __init__(self) -> None:
        self.secrets: list[str] = []
        self.down = False
        self.refused = 0
        self.got: list[str] = []
        self.url = ""
        self.changed = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.changed.set()
        if self.down:
            self.refused += 1
            return web.Response(status=503, headers={"Retry-After": "0"})
        for secret in self.secrets:
            Webhook(secret).verify(body, {name.lower(): value for name, value in request.headers.items()})
        self.got.append(orjson.loads(body)["id"])
        return web.Response(status=204)


class Counted:
    """Counts nothing."""

    def tried(self, outcome: str) -> None:
        """See ``services.webhooks.deliver.Observer``."""


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found, app = Receiver(), web.Application()
    app.router.add_post("/hooks", found.handle)
    async with served_app(app) as url:
        found.url = f"{url}/hooks"
        yield found


@pytest.fixture
async def database(postgres_dsn: str) -> AsyncIterator[Database]:
    database = Database(await asyncio.to_thread(migrated_database, postgres_dsn), timeout_s=15)
    yield database
    await database.close()


def record(org: str, event: dict[str, object]) -> tuple[InRecord, dict[str, object]]:
    found = InRecord(f"workflow-events.{org}", 0, 0, 1, b"r", orjson.dumps(event))
    return found, read_event(found)


def event(run: str, what: str) -> dict[str, object]:
    return {"id": f"{run}/{what}", "type": "run.failed", "subject": run, "time": "2026-01-01T00:00:00.000Z"}


async def until(receiver: Receiver, count: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while len(receiver.got) < count:
            receiver.changed.clear()
            await receiver.changed.wait()


async def test_events_are_delivered_signed_and_in_order_also_after_an_outage(
    database: Database, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schemas.webhooks.RETRY_AFTER_MS", (50,) * 10)
    keys = EnvelopeKeys.of("k" * 32, "")
    assert keys is not None
    webhooks, deliveries = Webhooks(database, LocalKms(keys)), WebhookDeliveries(database)
    org = unique("org")
    await database.fetch("add", "INSERT INTO organisation (id) VALUES ($1) RETURNING id", org)
    made, secret = await webhooks.create(org, receiver.url, ["run.*"], "", "key")
    _, newer = await webhooks.rotate(org, made.id, 3_600)
    receiver.secrets, receiver.down = [secret, newer], True

    sender = WebhookSender((ip_network("127.0.0.0/8"),))
    deliverer = Deliverer(deliveries, webhooks, sender, WallClock(), Counted(), random.Random(1))
    loop = DeliveryLoop(deliverer, deliveries, WallClock())
    sink = EventSink(Enqueuer(webhooks, deliveries), loop)
    loop.start()
    try:
        await sink.write([record(org, event("r1", "a")), record(org, event("r1", "b")), record(org, event("r2", "a"))])
        async with asyncio.timeout(DEADLINE_S):
            while receiver.refused < 2:
                receiver.changed.clear()
                await receiver.changed.wait()
        receiver.down = False
        await until(receiver, 3)
        assert sorted(receiver.got) == ["r1/a", "r1/b", "r2/a"]
        assert receiver.got.index("r1/a") < receiver.got.index("r1/b")
        await webhooks.change(org, made.id, {"enabled": False})
        await sink.write([record(org, event("r3", "a"))])
    finally:
        await loop.stop()
    assert len(receiver.got) == 3, "nothing is stored for a webhook that is disabled"


@pytest.mark.parametrize("value", [b"", b"[]", b"{", b'{"id":"a"}', b'{"id":1,"type":"t","subject":"s","time":"t"}'])
def test_what_is_no_event_goes_to_the_dead_letters(value: bytes) -> None:
    with pytest.raises(BadRecord):
        read_event(InRecord("workflow-events.a", 0, 0, 1, b"r", value))
