"""Secrets for tools, which are never read back."""

from typing import Unpack

from agentflow.bodies import ChangeSecret, PutSecret
from agentflow.client.aio.resource import AsyncResource
from agentflow.models import SecretAnswer, SecretDetails, SecretPage


class AsyncSecrets(AsyncResource):
    """The organisation's secrets for tools."""

    async def list(self) -> SecretPage:
        """Return all of them, without their values."""
        return await self._ask(SecretPage, "secrets.list")

    async def put(self, name: str, /, **body: Unpack[PutSecret]) -> SecretAnswer:
        """Store one, or a new version of it; it is in force within five seconds."""
        return await self._ask(SecretAnswer, "secrets.put", name, json=body)

    async def get(self, name: str) -> SecretDetails:
        """Return what is known of one, and its versions."""
        return await self._ask(SecretDetails, "secrets.get", name)

    async def change(self, name: str, /, **body: Unpack[ChangeSecret]) -> SecretAnswer:
        """Change what may use one, or put a version in force that is kept."""
        return await self._ask(SecretAnswer, "secrets.change", name, json=body)

    async def delete(self, name: str) -> None:
        """Delete one with all of its versions."""
        await self._raw("secrets.delete", name)

    async def delete_version(self, name: str, version: int) -> None:
        """Delete a version that is not in force."""
        await self._raw("secrets.delete_version", name, str(version))
