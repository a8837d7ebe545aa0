"""A master key in the transit engine of a HashiCorp Vault or an OpenBao: it never leaves there.

Form of requests and answers: the engine's HTTP API, "encrypt data", "decrypt data" and "read key"
(https://developer.hashicorp.com/vault/api-docs/secret/transit). A ciphertext is ``vault:v3:...``, so it names the
version of its key. The place goes along as associated data, which keys of type ``aes256-gcm96`` take.
"""

import base64
import binascii
from typing import Any

import httpx

from connectors.http.clients import remote_client
from connectors.kms.sealing import UnreadableError
from connectors.ports.kms import Kms, Wrapped
from schemas.errors import Unavailable

_DEPENDENCY = "kms"
_OURS = "transit:"
#: The engine's answer to a ciphertext that does not open.
_REFUSED = 400


class TransitKms:
    """The key ``name`` of an engine. ``before`` unwraps what the engine did not wrap."""

    def __init__(
        self,
        url: str,
        token: str,
        name: str,
        *,
        before: Kms | None = None,
        timeout_s: float = 5.0,
    ) -> None:
        self._name = name
        self._before = before
        self._client = remote_client(url.rstrip("/"), {"X-Vault-Token": token}, timeout_s)

    async def wrap(self, secret: bytes, place: str) -> Wrapped:
        body = {"plaintext": _base64(secret), "associated_data": _base64(place.encode())}
        answer = await self._ask("POST", f"/encrypt/{self._name}", body)
        ciphertext = str(answer.get("ciphertext", ""))
        return Wrapped(self._under(_version(ciphertext)), ciphertext.encode())

    async def unwrap(self, wrapped: Wrapped, place: str) -> bytes:
        if not wrapped.under.startswith(f"{_OURS}{self._name}:"):
            return await self._unwrapped_before(wrapped, place)
        text = wrapped.data.decode("ascii", "replace")
        body = {"ciphertext": text, "associated_data": _base64(place.encode())}
        answer = await self._ask("POST", f"/decrypt/{self._name}", body)
        try:
            return base64.b64decode(str(answer.get("plaintext", "")), validate=True)
        except binascii.Error as exc:
            raise Unavailable(_DEPENDENCY, "the transit engine answers something else than a secret") from exc

    async def current(self) -> str:
        answer = await self._ask("GET", f"/keys/{self._name}")
        return self._under(int(answer.get("latest_version", 0)))

    async def close(self) -> None:
        await self._client.aclose()

    async def _unwrapped_before(self, wrapped: Wrapped, place: str) -> bytes:
        if self._before is None or wrapped.under.startswith(_OURS):
            raise UnreadableError(
                f"a secret is wrapped under {wrapped.under}, and the transit engine's key is {self._name}; set "
                "VAULT_TRANSIT_KEY, or the VAULT_KEY that it was wrapped under"
            )
        return await self._before.unwrap(wrapped, place)

    def _under(self, version: int) -> str:
        return f"{_OURS}{self._name}:v{version}"

    async def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        try:
            answer = await self._client.request(method, path, json=body)
        except httpx.HTTPError as exc:
            raise Unavailable(_DEPENDENCY, f"the transit engine does not answer ({type(exc).__name__})") from exc
        if answer.status_code == _REFUSED and path.startswith("/decrypt"):
            raise UnreadableError("the transit engine does not open a secret: it was changed, or belongs elsewhere")
        if answer.status_code != httpx.codes.OK:
            # Its texts may repeat what was sent.
            raise Unavailable(
                _DEPENDENCY,
                f"the transit engine answers {answer.status_code} to {method} {path}; check VAULT_TRANSIT_URL, the "
                "token and its policy, and whether the engine is sealed",
            )
        try:
            return dict(answer.json()["data"])
        except (ValueError, KeyError, TypeError) as exc:
            raise Unavailable(_DEPENDENCY, "VAULT_TRANSIT_URL answers, but not as a transit engine does") from exc


def _version(ciphertext: str) -> int:
    _, _, rest = ciphertext.partition(":v")
    number = rest.partition(":")[0]
    if not number.isdecimal():
        raise Unavailable(_DEPENDENCY, "the transit engine answers something else than a ciphertext")
    return int(number)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
