"""Keys of an issuer: rotation at a bounded rate, an issuer that does not answer, and what is no usable key."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from connectors.http.clients import service_client
from connectors.oidc.issuer import AGAIN_S, KEEP_S, MAX_BYTES, REFRESH_S, Issuer
from connectors.oidc.keys import read_keys
from schemas.errors import Unavailable
from tests.oidc.issuer import LocalIssuer, SigningKey, local_issuer

FIRST, SECOND = SigningKey.new("first", "ES256"), SigningKey.new("second", "ES256")


class Seconds:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def reader(issuer: LocalIssuer, seconds: Callable[[], float]) -> AsyncIterator[Issuer]:
    client = service_client("", {}, 2)
    try:
        yield Issuer(issuer.url, client, seconds)
    finally:
        await client.aclose()


@pytest.fixture
async def local() -> AsyncIterator[LocalIssuer]:
    async with local_issuer(FIRST) as found:
        yield found


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


async def test_unknown_key_is_looked_for_at_a_bounded_rate(local: LocalIssuer, seconds: Seconds) -> None:
    async with reader(local, seconds) as issuer:
        assert await issuer.key("first") is not None
        local.keys.append(SECOND)
        for n in range(100):
            assert await issuer.key(f"unknown-{n}") is None
        assert len(local.asked) == 2
        seconds.now += AGAIN_S
        assert await issuer.key("second") is not None
        assert len(local.asked) == 4


async def test_withdrawn_key_is_used_no_more_after_a_refresh(local: LocalIssuer, seconds: Seconds) -> None:
    async with reader(local, seconds) as issuer:
        await issuer.key("first")
        local.keys[:] = [SECOND]
        assert await issuer.key("first") is not None
        seconds.now += REFRESH_S
        assert await issuer.key("first") is None


async def test_known_keys_outlast_an_issuer_that_does_not_answer_for_an_hour(
    local: LocalIssuer, seconds: Seconds
) -> None:
    async with reader(local, seconds) as issuer:
        await issuer.key("first")
        local.down = True
        seconds.now += KEEP_S - 1
        assert await issuer.key("first") is not None
        seconds.now += AGAIN_S
        with pytest.raises(Unavailable, match="cannot be read"):
            await issuer.key("first")
        local.down = False
        seconds.now += AGAIN_S
        assert await issuer.key("first") is not None


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/.well-known/openid-configuration", {"issuer": "https://login.example.com"}),
        ("/.well-known/openid-configuration", ["issuer"]),
        ("/keys", {"keys": ["x" * MAX_BYTES]}),
    ],
)
async def test_document_that_is_not_the_issuers_gives_no_keys(
    local: LocalIssuer, seconds: Seconds, path: str, document: object
) -> None:
    local.documents[path] = document
    async with reader(local, seconds) as issuer:
        with pytest.raises(Unavailable):
            await issuer.key("first")


async def test_keys_are_read_over_https_or_from_this_machine_only(local: LocalIssuer, seconds: Seconds) -> None:
    where = {"issuer": local.url, "jwks_uri": "http://keys.example.com/keys"}
    local.documents["/.well-known/openid-configuration"] = where
    async with reader(local, seconds) as issuer:
        with pytest.raises(Unavailable):
            await issuer.key("first")


def test_only_public_asymmetric_keys_for_signatures_are_read() -> None:
    good = FIRST.public()
    private = {"kid": "private", "d": "AQ"}
    odd = [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "symmetric"},
        good | {"kid": "encryption", "use": "enc"},
        good | private,
        good | {"kid": "curve", "crv": "secp256k1"},
        good | {"kid": "algorithm", "alg": "HS256"},
        good | {"kid": "broken", "x": "AQ"},
        {name: value for name, value in good.items() if name != "kid"},
        good | {"kid": 7},
        "text",
    ]
    found = read_keys({"keys": [good, *odd]})
    assert list(found) == ["first"]
    assert found["first"].algorithms == {"ES256"}
    assert read_keys({"keys": [good, SECOND.public() | {"kid": "first"}]}) == {}
    assert read_keys([]) == {}


def test_short_rsa_key_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    short = SigningKey.new("first")
    data = short.public()
    assert list(read_keys({"keys": [data]})) == ["first"]
    monkeypatch.setattr("connectors.oidc.keys.MIN_RSA_BITS", 4096)
    assert read_keys({"keys": [data | {"kid": replace(short, kid="other").kid}]}) == {}
