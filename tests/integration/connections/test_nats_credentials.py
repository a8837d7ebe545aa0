"""Credentials of NATS on a real, encrypted server that trusts an operator: a wrong file is said soon and seldom."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectors.nats.pubsub import Nats
from deploy.local.engines.engine import EngineContext
from deploy.local.engines.ports import PortBook
from deploy.local.engines.tls.files import LocalTls
from schemas.errors import Unavailable
from tests.support.nats_operator import USER, NKey, OperatedNats, Operator
from tests.support.polling import until_async
from tests.support.relay import relay

DEADLINE_S = 30.0
#: A refusal is said within this; then connections are counted for a while.
SOON_S, COUNTED_S, MOST = 5.0, 2.0, 10
REFUSED = "it refuses the login; correct user and password in NATS_URL, or NATS_CREDS"


@dataclass(frozen=True)
class Place:
    """A server, the operator that it trusts, and the file of its authority."""

    port: int
    operator: Operator
    ca: Path

    def url(self, creds: str, port: int = 0) -> str:
        """Return an address with a user's file."""
        return f"tls://127.0.0.1:{port or self.port}?ca={self.ca}&creds={creds}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("operated")
    tls, ports = LocalTls(folder / "tls"), PortBook(folder / "ports.json")
    server = OperatedNats(EngineContext(folder, ports, secret="", durable=False, tls=tls))
    try:
        server.start()
        yield Place(server.port, server.operator, tls.ca)
    finally:
        server.stop()


async def test_user_of_the_operators_account_hears_and_is_heard(place: Place, tmp_path: Path) -> None:
    bus = Nats(place.url(place.operator.credentials(tmp_path / "good.creds")), "test")
    heard: list[bytes] = []
    bus.start()
    try:
        await until_async(lambda: bus.connected, DEADLINE_S, "the bus is connected")
        bus.subscribe("test.said", lambda _, data: heard.append(data))

        def said() -> bool:
            bus.publish("test.said", b"hello")
            return bool(heard)

        await until_async(said, DEADLINE_S, "it is heard")
    finally:
        await bus.stop()


async def test_new_credentials_are_read_at_the_next_try(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "user.creds"
    Operator().credentials(path)
    bus = Nats(place.url(str(path)), "test")
    bus.start()
    try:
        await asyncio.wait_for(_refusal(bus), SOON_S)
        place.operator.credentials(path)
        await until_async(lambda: bus.connected, DEADLINE_S, "the new file is used")
    finally:
        await bus.stop()


@pytest.mark.parametrize("case", ["another operator", "another seed", "expired", "seed damaged"])
async def test_wrong_credentials_are_said_soon_by_few_connections(
    place: Place,
    case: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    record_property: Callable[[str, object], None],
) -> None:
    path = tmp_path / "user.creds"
    operator = Operator() if case == "another operator" else place.operator
    seed = NKey(USER).seed if case == "another seed" else ""
    operator.credentials(path, seed=seed, **({"exp": int(time.time()) - 60} if case == "expired" else {}))
    if case == "seed damaged":
        text = path.read_text()
        path.write_text(text.replace("\nSUA", "\nSUB") if "\nSUA" in text else text.replace("\nSU", "\nSA"))
    async with relay(place.port) as counted:
        bus = Nats(place.url(str(path), counted.port), "test")
        bus.start()
        began = time.monotonic()
        try:
            said = await asyncio.wait_for(_refusal(bus), SOON_S)
            took_s = time.monotonic() - began
            await asyncio.sleep(COUNTED_S)
        finally:
            await bus.stop()
    found = re.findall(r"eyJ[\w-]+|SU[A-Z0-9]{20,}", said + caplog.text)
    record_property(f"wrong password:nats {case}:s", took_s)
    record_property(f"wrong password:nats {case}:connections", counted.knocks)
    record_property(f"wrong password:nats {case}:secrets", len(found))
    assert took_s < SOON_S
    assert ("holds a seed that is damaged or no user's" if case == "seed damaged" else REFUSED) in said
    assert "\n" not in said
    assert counted.knocks <= MOST
    assert found == []


async def _refusal(bus: Nats) -> str:
    """Return what the bus says of its server, once it has asked it."""
    while True:
        try:
            await bus.ping()
        except Unavailable as exc:
            if "not connected yet" not in str(exc):
                return str(exc)
        await asyncio.sleep(0.05)
