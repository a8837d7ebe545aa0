# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""Secrets for tools, which are never read back."""

from typing import Unpack

from agentflow.bodies import ChangeSecret, PutSecret
from agentflow.client.sync.resource import Resource
from agentflow.models import SecretAnswer, SecretDetails, SecretPage


class Secrets(Resource):
    """The organisation's secrets for tools."""

    def list(self) -> SecretPage:
        """Return all of them, without their values."""
        return self._ask(SecretPage, "secrets.list")

    def put(self, name: str, /, **body: Unpack[PutSecret]) -> SecretAnswer:
        """Store one, or a new version of it; it is in force within five seconds."""
        return self._ask(SecretAnswer, "secrets.put", name, json=body)

    def get(self, name: str) -> SecretDetails:
        """Return what is known of one, and its versions."""
        return self._ask(SecretDetails, "secrets.get", name)

    def change(self, name: str, /, **body: Unpack[ChangeSecret]) -> SecretAnswer:
        """Change what may use one, or put a version in force that is kept."""
        return self._ask(SecretAnswer, "secrets.change", name, json=body)

    def delete(self, name: str) -> None:
        """Delete one with all of its versions."""
        self._raw("secrets.delete", name)

    def delete_version(self, name: str, version: int) -> None:
        """Delete a version that is not in force."""
        self._raw("secrets.delete_version", name, str(version))
