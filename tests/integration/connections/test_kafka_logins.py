"""Logins by SCRAM and by tokens on a real broker: what is right works, what is wrong is said soon and seldom."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from connectors.kafka.log import KafkaLog
from connectors.ports.engine import OutRecord
from schemas.configuration.kafka_access import Bootstrap, KafkaAccess, Mechanism, TokenEndpoint, access_of
from schemas.configuration.tls_files import TlsFiles
from schemas.errors import AccessRefused
from tests.support.login_broker import login_broker
from tests.support.relay import relay
from tests.support.token_server import TokenServer, token_server
from topics.admin import TopicAdmin

PASSWORD, SECRET, WRONG = "scram-canary", "client-canary", "wr0ng-canary"
#: Seconds of a token's life, and of a connection's with one.
LIFE_S, SESSION_S = 3, 1.5
DEADLINE_S = 60.0
#: A refusal is said within this, by no more connections than these.
SOON_S, MOST = 5.0, 12
TOPIC = "logins"
SCRAM: tuple[Mechanism, ...] = ("SCRAM-SHA-256", "SCRAM-SHA-512")
LOGINS: tuple[Mechanism, ...] = (*SCRAM, "OAUTHBEARER")


@dataclass(frozen=True)
class Place:
    """A broker and the server of its tokens."""

    servers: str
    files: TlsFiles
    tokens: TokenServer

    def access(self, mechanism: Mechanism) -> KafkaAccess:
        """Return a right login."""
        if mechanism == "OAUTHBEARER":
            endpoint = TokenEndpoint(f"{self.tokens.url}/token", "agent", SECRET)
            return KafkaAccess("SASL_SSL", mechanism, files=self.files, tokens=endpoint)
        return KafkaAccess("SASL_SSL", mechanism, "ann", PASSWORD, self.files)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("logins")
    with (
        token_server({"agent": SECRET}, LIFE_S) as tokens,
        login_broker(folder, {"ann": PASSWORD}, tokens, int(SESSION_S * 1000)) as broker,
    ):
        yield Place(str(broker.address), access_of(broker.address).files, tokens)


@pytest.mark.parametrize("mechanism", LOGINS)
async def test_topics_are_made_and_records_appended(place: Place, mechanism: Mechanism) -> None:
    bootstrap = Bootstrap(place.servers, place.access(mechanism))
    topic = f"{TOPIC}-{mechanism.lower()}"
    async with TopicAdmin(bootstrap) as admin:
        await admin.create({topic: {}}, 1, 1)
    async with KafkaLog(bootstrap) as log:
        await log.append([OutRecord(topic, b"key", b"value", ())])
        assert (await log.bounds(topic, 0)).end == 1


async def test_tokens_are_renewed_before_their_end_and_nothing_is_lost(place: Place) -> None:
    """The broker ends each connection after a while, and takes no token that has expired."""
    bootstrap = Bootstrap(place.servers, place.access("OAUTHBEARER"))
    topic, sent = f"{TOPIC}-renewed", 0
    async with TopicAdmin(bootstrap) as admin:
        await admin.create({topic: {}}, 1, 1)
    before, ends = place.tokens.given, time.monotonic() + 2 * LIFE_S
    async with KafkaLog(bootstrap) as log:
        while time.monotonic() < ends or place.tokens.given - before < 2:
            await log.append([OutRecord(topic, b"key", b"%d" % sent, ())])
            sent += 1
            await asyncio.sleep(0.1)
            assert time.monotonic() < ends + DEADLINE_S
        # An append whose answer was lost with its connection is repeated, so there may be more than were sent.
        assert (await log.bounds(topic, 0)).end >= sent > 20
    # Connections end more often than tokens: one token serves several.
    assert place.tokens.given - before <= 4
    assert place.tokens.refused == 0


@pytest.mark.parametrize("mechanism", LOGINS)
async def test_wrong_login_is_said_soon_by_few_connections(
    place: Place,
    mechanism: Mechanism,
    caplog: pytest.LogCaptureFixture,
    record_property: Callable[[str, object], None],
) -> None:
    right = place.access(mechanism)
    wrong = replace(right, password=WRONG, tokens=replace(right.tokens, client_secret=WRONG))
    fix = "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"
    if mechanism == "OAUTHBEARER":
        fix = "KAFKA_OAUTH_CLIENT_ID, KAFKA_OAUTH_CLIENT_SECRET and KAFKA_OAUTH_SCOPE"
    refused_before = place.tokens.refused
    said, knocks, took_s = await _refused(place, wrong)
    record_property(f"wrong password:kafka {mechanism}:s", took_s)
    record_property(f"wrong password:kafka {mechanism}:connections", knocks)
    record_property(f"wrong password:kafka {mechanism}:secrets", (said + caplog.text).count(WRONG))
    assert said.endswith(fix)
    assert took_s < SOON_S
    assert 1 <= knocks <= MOST
    assert place.tokens.refused - refused_before <= 2  # the endpoint is left alone after a refusal
    assert WRONG not in said + caplog.text
    place.tokens.refused = refused_before


async def test_user_that_is_unknown_is_said(place: Place) -> None:
    right = place.access("SCRAM-SHA-512")
    said, _, _ = await _refused(place, replace(right, username="nobody"))
    assert said.endswith("it refuses the login by SCRAM-SHA-512; correct KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD")


async def test_token_of_another_audience_is_refused_by_the_broker(place: Place) -> None:
    """Its endpoint gives it, and the broker does not take it."""
    with token_server({"agent": SECRET}) as other:
        right = place.access("OAUTHBEARER")
        elsewhere = replace(right, tokens=replace(right.tokens, url=f"{other.url}/token"))
        said, knocks, took_s = await _refused(place, elsewhere)
    assert said.endswith("it refuses the login by OAUTHBEARER; correct KAFKA_OAUTH_CLIENT_ID and KAFKA_OAUTH_SCOPE")
    assert took_s < SOON_S
    assert knocks <= MOST


async def _refused(place: Place, access: KafkaAccess) -> tuple[str, int, float]:
    """Return what a client says whose login is refused, after how many connections and seconds."""
    async with relay(int(place.servers.rpartition(":")[2])) as counted:
        log = KafkaLog(Bootstrap(f"127.0.0.1:{counted.port}", access), timeout_s=4)
        began = time.monotonic()
        with pytest.raises(AccessRefused) as caught:
            await log.start()
        took_s = time.monotonic() - began
        await log.stop()
        said = str(caught.value)
        assert "\n" not in said
        assert WRONG not in said + repr(caught.value.__cause__)
        return said, counted.knocks, took_s
