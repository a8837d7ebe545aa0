# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""API keys, organisations, and keys of providers."""

from typing import Unpack

from agentflow.bodies import CreateKey, CreateOrganisation, PutCredentials
from agentflow.client.sync.resource import Resource
from agentflow.models import CredentialsAnswer, CredentialsPage, KeyCreated, KeyPage, OrganisationCreated


class Keys(Resource):
    """API keys of the organisation."""

    def create(self, **body: Unpack[CreateKey]) -> KeyCreated:
        """Create a key. It is in this answer only."""
        return self._ask(KeyCreated, "keys.create", json=body)

    def list(self) -> KeyPage:
        """Return all keys, without their secrets."""
        return self._ask(KeyPage, "keys.list")

    def revoke(self, key_id: str) -> None:
        """Revoke a key, within five seconds everywhere."""
        self._raw("keys.revoke", key_id)


class Organisations(Resource):
    """Organisations of the installation."""

    def create(self, **body: Unpack[CreateOrganisation]) -> OrganisationCreated:
        """Create an organisation with its first key. Needs the installation's own key."""
        return self._ask(OrganisationCreated, "organisations.create", json=body)


class Credentials(Resource):
    """The organisation's own keys of model providers, which are never shown."""

    def list(self) -> CredentialsPage:
        """Return which providers have one."""
        return self._ask(CredentialsPage, "credentials.list")

    def put(self, provider: str, /, **body: Unpack[PutCredentials]) -> CredentialsAnswer:
        """Store or replace one; it is used within five seconds."""
        return self._ask(CredentialsAnswer, "credentials.put", provider, json=body)

    def get(self, provider: str) -> CredentialsAnswer:
        """Return when one was stored."""
        return self._ask(CredentialsAnswer, "credentials.get", provider)

    def delete(self, provider: str) -> None:
        """Delete one."""
        self._raw("credentials.delete", provider)
