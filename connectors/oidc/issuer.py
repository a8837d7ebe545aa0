"""An issuer of tokens: its keys, cached, and read again when a token names a key that is not known.

The discovery document names where the keys are. Both are read within ``TIMEOUT_S`` and have at most ``MAX_BYTES``; no
redirect is followed. An unknown key is looked for at most once in ``AGAIN_S``, whatever tokens are sent.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

import aiohttp

from connectors.aio.batching import SingleFlight
from connectors.http.clients import ServiceClient
from connectors.oidc.keys import VerificationKey, read_keys
from schemas.configuration.issuer import url_fault
from schemas.errors import Unavailable, Undecodable
from schemas.records.base import Json
from schemas.values.json_text import read_json

logger = logging.getLogger(__name__)

DISCOVERY = "/.well-known/openid-configuration"
TIMEOUT_S = 1.5
MAX_BYTES = 1024 * 1024
#: Within this time a key that the issuer withdrew is used no more.
REFRESH_S = 300.0
#: For so long the keys that were read last are used while the issuer does not answer.
KEEP_S = 3600.0
AGAIN_S = 10.0
_DEPENDENCY = "oidc"


class Issuer:
    """The issuer with this URL, which must be https unless it is on this machine. Raises ``ValueError`` for others."""

    def __init__(self, url: str, client: ServiceClient, monotonic: Callable[[], float] = time.monotonic) -> None:
        _check("OIDC_ISSUER", url, is_issuer=True)
        self.url = url
        self._client = client
        self._monotonic = monotonic
        self._keys: Mapping[str, VerificationKey] | None = None
        self._read_at = self._tried_at = float("-inf")
        self._reading: SingleFlight[str, None] = SingleFlight()

    async def key(self, kid: str) -> VerificationKey | None:
        """Return the key with an id, ``None`` if the issuer has none. Raises ``Unavailable``."""
        if self._keys is None or self._monotonic() - self._read_at >= REFRESH_S:
            await self._refresh()
        if self._keys is not None and kid not in self._keys:
            await self._refresh()
        if self._keys is None:
            raise Unavailable(_DEPENDENCY, f"the keys of {self.url} cannot be read; see the log of the API", AGAIN_S)
        return self._keys.get(kid)

    async def _refresh(self) -> None:
        """Read the keys, unless they were tried to be read just now. A failure is logged, and old keys stay a while."""
        if self._monotonic() - self._tried_at < AGAIN_S:
            return
        await self._reading.do("keys", self._read)

    async def _read(self) -> None:
        self._tried_at = self._monotonic()
        try:
            self._keys = await self._fetched()
            self._read_at = self._monotonic()
        except (aiohttp.ClientError, TimeoutError, ValueError, Undecodable) as exc:
            logger.warning("cannot read the keys of %s: %s", self.url, exc, extra={"action": "oidc_keys_unread"})
            if self._monotonic() - self._read_at >= KEEP_S:
                self._keys = None

    async def _fetched(self) -> Mapping[str, VerificationKey]:
        async with asyncio.timeout(TIMEOUT_S):
            document = await self._get(self.url.rstrip("/") + DISCOVERY)
            if not isinstance(document, dict) or document.get("issuer") != self.url:
                raise ValueError(f"its discovery document does not name the issuer {self.url!r}; set OIDC_ISSUER to it")
            where = str(document.get("jwks_uri"))
            _check("jwks_uri", where)
            return read_keys(await self._get(where))

    async def _get(self, url: str) -> Json:
        async with await self._client.get(url, TIMEOUT_S) as answer:
            if answer.status != 200:
                raise ValueError(f"{url} answers {answer.status}")
            data = await answer.content.read(MAX_BYTES + 1)
            while not answer.content.at_eof() and len(data) <= MAX_BYTES:
                data += await answer.content.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValueError(f"{url} answers more than {MAX_BYTES} bytes")
        found: Json = read_json(data)
        return found


def _check(name: str, url: str, *, is_issuer: bool = False) -> None:
    if fault := url_fault(url, is_issuer=is_issuer):
        raise ValueError(f"{name}={url!r} {fault}")
