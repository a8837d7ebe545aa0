"""Tokens for OAUTHBEARER, by OAuth's grant of client credentials (RFC 6749, 4.4).

A token is used for all connections of a process until a fifth of its life is left; then the next connection gets a new
one first. While the endpoint does not answer, a token that is still valid is used.
"""

import asyncio
import time
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import quote

import httpx
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaError

from schemas.configuration.kafka_access import TokenEndpoint
from schemas.configuration.tls_files import TlsFiles
from topics.tls import client_context
from topics.tls_faults import tls_fault

#: Within the time in which a wrong login must be reported.
ANSWER_S = 3.0
#: The share of a token's life after which it is renewed.
RENEW_AT = 0.8
#: The life of a token whose endpoint does not say it; RFC 6749 leaves it to other means.
LIFE_S = 300.0
#: After a failure the endpoint is left alone for so long: each connection of the process would ask again.
PAUSE_S = 2.0


class NoTokenError(KafkaError):  # type: ignore[misc] # the library has no types
    """The endpoint gave no token, and the one before is not valid any more."""


class ClientCredentials(AbstractTokenProvider):  # type: ignore[misc]
    """Gets tokens of one endpoint, one request at a time. ``monotonic`` is the clock."""

    def __init__(self, endpoint: TokenEndpoint, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._endpoint = endpoint
        self._now = monotonic
        self._token = ""
        self._renew_s = self._ends_s = 0.0
        self._paused_s = float("-inf")
        self._why = ""
        self._asking = asyncio.Lock()

    async def token(self) -> str:
        """Return a valid token. Raises ``NoTokenError`` that says why there is none."""
        async with self._asking:
            now = self._now()
            if not self._token or now >= self._renew_s:
                await self._renew(now)
            if self._token and now < self._ends_s:
                return self._token
            raise NoTokenError(self._why)

    async def _renew(self, now: float) -> None:
        if now - self._paused_s < PAUSE_S:
            return
        try:
            self._token, life_s = await self._asked()
        except (httpx.HTTPError, OSError, ValueError) as exc:
            self._paused_s, self._why = now, f"no token from {self._endpoint.url}: {_words(exc)}"
            return
        self._renew_s, self._ends_s = now + RENEW_AT * life_s, now + life_s

    async def _asked(self) -> tuple[str, float]:
        """Return a new token and its life in seconds."""
        at = self._endpoint
        body = {"grant_type": "client_credentials"} | ({"scope": at.scope} if at.scope else {})
        # Both are form-encoded before Basic, by RFC 6749, 2.3.1.
        login = httpx.BasicAuth(quote(at.client_id, safe=""), quote(at.client_secret, safe=""))
        verify = client_context(TlsFiles(ca=at.ca)) if at.url.startswith("https://") else False
        async with httpx.AsyncClient(verify=verify, timeout=ANSWER_S, follow_redirects=False) as client:
            answer = await client.post(at.url, data=body, auth=login, headers={"Accept": "application/json"})
        return _read(answer)


@lru_cache(maxsize=16)
def token_provider(endpoint: TokenEndpoint) -> ClientCredentials:
    """Return the process' one provider of an endpoint's tokens."""
    return ClientCredentials(endpoint)


def _read(answer: httpx.Response) -> tuple[str, float]:
    if answer.status_code in (httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        # The error's code is a word of the RFC; its description is the endpoint's text, which may hold anything.
        fix = "correct KAFKA_OAUTH_CLIENT_ID, KAFKA_OAUTH_CLIENT_SECRET and KAFKA_OAUTH_SCOPE"
        raise ValueError(f"it refuses this client (status {answer.status_code}); {fix}")
    if answer.status_code != httpx.codes.OK:
        raise ValueError(f"it answered with status {answer.status_code}")
    try:
        found = answer.json()
        token, life = found["access_token"], float(found.get("expires_in") or LIFE_S)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError("its answer has no access_token; correct KAFKA_OAUTH_TOKEN_URL") from None
    if not isinstance(token, str) or not token or life <= 0:
        raise ValueError("its answer has no access_token; correct KAFKA_OAUTH_TOKEN_URL")
    return token, life


def _words(exc: Exception) -> str:
    if isinstance(exc, httpx.TimeoutException):
        return f"no answer within {ANSWER_S:g} s"
    return tls_fault(exc, "KAFKA_OAUTH_CAFILE", "", "") or str(exc) or type(exc).__name__
