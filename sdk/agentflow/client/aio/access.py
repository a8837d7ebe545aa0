"""API keys, organisations, and keys of providers."""

from typing import Unpack

from agentflow.bodies import CreateKey, CreateOrganisation, PutCredentials
from agentflow.client.aio.resource import AsyncResource
from agentflow.models import CredentialsAnswer, CredentialsPage, KeyCreated, KeyPage, OrganisationCreated


class AsyncKeys(AsyncResource):
    """API keys of the organisation."""

    async def create(self, **body: Unpack[CreateKey]) -> KeyCreated:
        """Create a key. It is in this answer only."""
        return await self._ask(KeyCreated, "keys.create", json=body)

    async def list(self) -> KeyPage:
        """Return all keys, without their secrets."""
        return await self._ask(KeyPage, "keys.list")

    async def revoke(self, key_id: str) -> None:
        """Revoke a key, within five seconds everywhere."""
        await self._raw("keys.revoke", key_id)


class AsyncOrganisations(AsyncResource):
    """Organisations of the installation."""

    async def create(self, **body: Unpack[CreateOrganisation]) -> OrganisationCreated:
        """Create an organisation with its first key. Needs the installation's own key."""
        return await self._ask(OrganisationCreated, "organisations.create", json=body)


class AsyncCredentials(AsyncResource):
    """The organisation's own keys of model providers, which are never shown."""

    async def list(self) -> CredentialsPage:
        """Return which providers have one."""
        return await self._ask(CredentialsPage, "credentials.list")

    async def put(self, provider: str, /, **body: Unpack[PutCredentials]) -> CredentialsAnswer:
        """Store or replace one; it is used within five seconds."""
        return await self._ask(CredentialsAnswer, "credentials.put", provider, json=body)

    async def get(self, provider: str) -> CredentialsAnswer:
        """Return when one was stored."""
        return await self._ask(CredentialsAnswer, "credentials.get", provider)

    async def delete(self, provider: str) -> None:
        """Delete one."""
        await self._raw("credentials.delete", provider)
