"""Which key a provider is asked with: the organisation's own, or that of the environment.

A process reads an organisation's keys when it needs them, and remembers them for ``REMEMBER_S``. So a new key is used,
and a removed one is used no more, within these seconds, in every process and without a restart. While the store does
not answer, the keys that were read last are used.
"""

import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from typing import Protocol, TypeVar

from pydantic import SecretStr

from connectors.aio.batching import SingleFlight
from connectors.postgres.vault import ProviderKey, fingerprint
from schemas.errors import StepError, Unavailable

_T = TypeVar("_T")

REMEMBER_S = 3.0
#: How often the last use of a key is noted.
_NOTE_S = 60.0


class StoredKeys(Protocol):
    """Where organisations' keys are. Methods raise ``Unavailable``."""

    async def keys(self, org_id: str) -> Mapping[str, ProviderKey]:
        """Return an organisation's keys by provider."""
        ...

    async def used(self, org_id: str, provider: str) -> None:
        """Note that a key is used now."""
        ...


class ProviderKeys:
    """The keys of organisations. ``wanting`` are providers that have none in the environment and need one.

    Every method raises ``Unavailable`` when an organisation's keys could never be read: to use the environment's
    would send its calls, and its bill, to somebody else's account.
    """

    def __init__(
        self,
        stored: StoredKeys,
        wanting: Collection[str] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stored = stored
        self._wanting = frozenset(wanting)
        self._monotonic = monotonic
        self._reading: SingleFlight[str, Mapping[str, ProviderKey]] = SingleFlight()
        self._known: dict[str, tuple[float, Mapping[str, ProviderKey]]] = {}
        self._noted: dict[tuple[str, str], float] = {}

    async def of(self, org_id: str, provider: str) -> SecretStr | None:
        """Return the key to ask a provider with; ``None`` for the environment's.

        Raises a final ``StepError``: ``no_credentials`` when there is none at all, ``credentials_unreadable``.
        """
        return self._key(await self._keys(org_id), provider)

    async def name(self, org_id: str, provider: str) -> str:
        """Return a name of the organisation's own key that reveals nothing of it; empty where it has none."""
        key = (await self._keys(org_id)).get(provider)
        return fingerprint(key.get_secret_value())[:8] if isinstance(key, SecretStr) else ""

    async def again(self, org_id: str, provider: str) -> SecretStr | None:
        """Return the key as it is stored now: the provider has refused the one that was known."""
        self._known.pop(org_id, None)
        return await self.of(org_id, provider)

    async def asking(self, org_id: str, provider: str, ask: Callable[[SecretStr | None], Awaitable[_T]]) -> _T:
        """Return what ``ask`` returns, which is given the key.

        A provider that refuses an organisation's own key is asked again if another one is stored by now: nothing was
        done. Raises what ``ask`` raises, and a ``StepError`` when there is no key.
        """
        key = await _found(self.of, org_id, provider)
        try:
            answer = await ask(key)
        except StepError as exc:
            if exc.code != "provider_auth" or key is None:
                raise
            rotated = await _found(self.again, org_id, provider)
            if rotated == key:
                raise
            key, answer = rotated, await ask(rotated)
        if key is not None:
            await self.note(org_id, provider)
        return answer

    async def absent(self, org_id: str) -> frozenset[str]:
        """Return the providers that the organisation cannot ask."""
        return self._wanting - (await self._keys(org_id)).keys() if self._wanting else self._wanting

    async def note(self, org_id: str, provider: str) -> None:
        """Note that a key is used, once a minute at most."""
        now = self._monotonic()
        if now - self._noted.get((org_id, provider), -_NOTE_S) < _NOTE_S:
            return
        self._noted[org_id, provider] = now
        with suppress(Unavailable):  # it is shown to people only
            await self._stored.used(org_id, provider)

    async def _keys(self, org_id: str) -> Mapping[str, ProviderKey]:
        known = self._known.get(org_id)
        if known is not None and self._monotonic() - known[0] < REMEMBER_S:
            return known[1]
        return await self._reading.do(org_id, lambda: self._read(org_id))

    async def _read(self, org_id: str) -> Mapping[str, ProviderKey]:
        began = self._monotonic()
        try:
            found = await self._stored.keys(org_id)
        except Unavailable:
            if org_id not in self._known:
                raise
            found = self._known[org_id][1]
        self._known[org_id] = (began, found)
        return found

    def _key(self, keys: Mapping[str, ProviderKey], provider: str) -> SecretStr | None:
        key = keys.get(provider)
        if isinstance(key, SecretStr):
            return key
        if key is not None:
            raise StepError("credentials_unreadable", f"the organisation's key of {provider} cannot be read: {key}")
        if provider in self._wanting:
            raise StepError(
                "no_credentials",
                f"there is no key of provider {provider}: store the organisation's own by PUT "
                f"/api/v1/providers/{provider}/credentials, or pin another provider",
            )
        return None


async def _found(
    find: Callable[[str, str], Awaitable[SecretStr | None]], org_id: str, provider: str
) -> SecretStr | None:
    try:
        return await find(org_id, provider)
    except Unavailable as exc:
        raise StepError("provider_unavailable", f"keys of providers cannot be read: {exc}", retryable=True) from exc
