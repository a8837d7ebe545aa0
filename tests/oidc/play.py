"""Plays forgeries against a verifier with a local issuer, which also serves the attacker's key at ``/attacker``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from connectors.http.clients import service_client
from connectors.oidc.issuer import Issuer
from schemas.errors import Unauthenticated
from services.security.tokens import Rules, TokenVerifier, looks_like_a_token
from tests.oidc.forgeries import FORGERIES
from tests.oidc.issuer import AUDIENCE, LocalIssuer, SigningKey, local_issuer


@asynccontextmanager
async def verifier_of(issuer: LocalIssuer) -> AsyncIterator[TokenVerifier]:
    """Return a verifier of an issuer's tokens."""
    client = service_client("", {}, 2)
    try:
        yield TokenVerifier(Rules(issuer.url, AUDIENCE), Issuer(issuer.url, client))
    finally:
        await client.aclose()


async def passed() -> list[str]:
    """Return the forgeries that pass, and ``good`` if a good token does not: then nothing would be proved."""
    attacker = SigningKey.new("attacker")
    found = []
    async with local_issuer() as issuer, verifier_of(issuer) as verifier:
        issuer.documents["/attacker"] = {"keys": [attacker.public() | {"kid": "first"}]}
        if not await _passes(verifier, issuer.token()):
            found.append("good")
        for name, forge in FORGERIES.items():
            if await _passes(verifier, forge(issuer, attacker)):
                found.append(name)
        if "/attacker" in issuer.asked:
            found.append("a key was fetched from where a token said")
    return found


async def _passes(verifier: TokenVerifier, token: str) -> bool:
    try:
        await verifier.claims(token)
    except Unauthenticated:
        return False
    return looks_like_a_token(token)
