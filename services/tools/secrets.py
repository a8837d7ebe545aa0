"""The secrets of organisations as calls of tools get them, and as the API changes them."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from pydantic import SecretStr

from connectors.postgres.tools.secrets import SecretStore, StoredSecret
from connectors.tools.secrets import LEAST_CHARS, CallSecrets, ToolSecret
from connectors.tools.sites import site_of
from schemas.errors import Conflict, InvalidInput, NotFound, Problem, Unavailable
from services.tools.remembered import Remembered

#: How often the last use of a secret is noted.
_NOTE_S = 60.0
MOST_CHARS = 16_384


class OpenedSecrets(Protocol):
    """Where secrets are, see ``connectors.postgres.tools.secrets``."""

    async def values(self, org_id: str) -> Mapping[str, ToolSecret]:
        """Return an organisation's secrets by name. Raises ``Unavailable``."""
        ...

    async def used(self, org_id: str, name: str) -> None:
        """Note that a secret is used now. Raises ``Unavailable``."""
        ...


class ToolSecrets:
    """Gives each call of a tool its secrets. A change is known after ``REMEMBER_S`` in every process."""

    def __init__(self, stored: OpenedSecrets, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._stored = stored
        self._monotonic = monotonic
        self._values = Remembered(stored.values, monotonic)
        self._noted: dict[tuple[str, str], float] = {}

    def of_call(self, org_id: str, tool: str) -> CallSecrets:
        """Return the secrets of one call; nothing is read before it asks for one."""
        return CallSecrets(org_id, tool, self._values.of, self._note)

    async def _note(self, org_id: str, name: str) -> None:
        now = self._monotonic()
        if now - self._noted.get((org_id, name), -_NOTE_S) < _NOTE_S:
            return
        self._noted[org_id, name] = now
        with suppress(Unavailable):  # it is shown to people only
            await self._stored.used(org_id, name)


class SecretSurface:
    """Secrets as the API changes them. Without a master key there are none."""

    def __init__(self, store: SecretStore | None) -> None:
        self._store = store

    @property
    def store(self) -> SecretStore:
        """The secrets. Raises ``Conflict`` where nothing can seal them."""
        if self._store is None:
            raise Conflict("secrets cannot be stored here: set VAULT_KEY for the API and all workers, and restart")
        return self._store

    async def put(
        self,
        org_id: str,
        name: str,
        value: SecretStr,
        hosts: Sequence[str] | None,
        tools: Sequence[str] | None,
        by: str,
    ) -> StoredSecret:
        """Store a value; fields of a known secret that are left out stay. Raises ``InvalidInput`` and ``Conflict``."""
        if hosts is None or tools is None:
            with suppress(NotFound):
                known = await self.store.get(org_id, name)
                hosts, tools = (known.hosts if hosts is None else hosts, known.tools if tools is None else tools)
        hosts, tools = list(hosts or ()), list(tools or ())
        check_rules(hosts, tools)
        return await self.store.put(org_id, name, value, hosts, tools, by)

    async def change(
        self,
        org_id: str,
        name: str,
        hosts: Sequence[str] | None,
        tools: Sequence[str] | None,
        version: int | None,
    ) -> StoredSecret:
        """Change who may use a secret, or which version is in force. Raises ``InvalidInput`` and ``NotFound``."""
        known = await self.store.get(org_id, name)
        hosts, tools = list(known.hosts if hosts is None else hosts), list(known.tools if tools is None else tools)
        check_rules(hosts, tools)
        return await self.store.change(org_id, name, hosts, tools, known.current if version is None else version)


def check_rules(hosts: Sequence[str], tools: Sequence[str]) -> None:
    """Raise ``InvalidInput`` for rules by which nothing could use a secret, or for hosts that are none."""
    if not hosts and not tools:
        raise InvalidInput.of(
            Problem("hosts", "nothing may use the secret", "name hosts that may get it, or tools of yours")
        )
    for index, host in enumerate(hosts):
        try:
            site_of(host)
        except ValueError as exc:
            raise InvalidInput.of(Problem(f"hosts.{index}", "not a host", str(exc))) from exc


def value_fault(value: str) -> str | None:
    """Return what is wrong with a secret's value, without a word of it; ``None`` if nothing is."""
    if not LEAST_CHARS <= len(value) <= MOST_CHARS:
        return f"it has {len(value)} characters; a secret has {LEAST_CHARS} to {MOST_CHARS}"
    if any(ord(one) < 0x20 and one not in "\t\n\r" for one in value) or "\0" in value:
        return "it has control characters; store it as base64"
    return None
