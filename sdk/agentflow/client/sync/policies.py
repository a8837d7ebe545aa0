# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""Policies of the organisation; its vault; limits of runs, quotas of providers, cached answers."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Unpack

from agentflow.bodies import PurgeCache, PutLimits, PutQuotas
from agentflow.client.sync.resource import Resource, given
from agentflow.models import (
    ActivePolicy,
    CacheAnswer,
    CachePurged,
    LimitsAnswer,
    PolicyAnswer,
    PolicyPage,
    PolicyTested,
    PolicyVersionPage,
    QuotasAnswer,
    VaultProgress,
    VaultStatus,
)

Document = str | Mapping[str, Any]
"""A policy as text in YAML or JSON, or as an object."""


class Policies(Resource):
    """What untrusted data may do. Versions never change; an activation says which one decides for new runs."""

    def create(self, document: Document) -> PolicyAnswer:
        """Store the next version of the policy that the document names."""
        return self._ask(PolicyAnswer, "policies.create", json={"document": document})

    def list(self) -> PolicyPage:
        """Return the policies, and which version is active."""
        return self._ask(PolicyPage, "policies.list")

    def versions(self, name: str) -> PolicyVersionPage:
        """Return the versions of a policy, the newest first."""
        return self._ask(PolicyVersionPage, "policies.versions", name)

    def get(self, name: str, version: int) -> PolicyAnswer:
        """Return one version with its document."""
        return self._ask(PolicyAnswer, "policies.get", name, str(version))

    def test(
        self,
        document: Document | None = None,
        *,
        name: str | None = None,
        version: int | None = None,
        cases: Sequence[Mapping[str, Any]] = (),
    ) -> PolicyTested:
        """Run the tests of a document or of a stored version, and further cases; nothing is stored."""
        body = given(document=document, name=name, version=version) | {"cases": [dict(one) for one in cases]}
        return self._ask(PolicyTested, "policies.test", json=body)

    def active(self) -> ActivePolicy:
        """Return the policy that decides for new runs, and earlier activations."""
        return self._ask(ActivePolicy, "policies.active")

    def activate(
        self, name: str, version: int, mode: Literal["enforce", "shadow"], *, break_glass: str | None = None
    ) -> ActivePolicy:
        """Let a version decide for runs that are submitted from now on; an earlier one rolls back.

        ``break_glass`` is why it is done although a rule at ``admin`` denies it.
        """
        body, params = {"version": version, "mode": mode}, given(break_glass=break_glass)
        return self._ask(ActivePolicy, "policies.activate", name, json=body, params=params)

    def deactivate(self, *, break_glass: str | None = None) -> ActivePolicy:
        """Let no policy decide for runs that are submitted from now on. ``break_glass`` as for ``activate``."""
        return self._ask(ActivePolicy, "policies.deactivate", params=given(break_glass=break_glass))


class Vault(Resource):
    """The keys that personal data is sealed with."""

    def status(self) -> VaultStatus:
        """Return the versions of the organisation's key, and what is sealed with them."""
        return self._ask(VaultStatus, "vault.status")

    def rotate(self, key: Literal["organisation", "master"], *, begin: bool = True) -> VaultProgress:
        """Begin or continue a rotation, for about a second; repeat it without ``begin`` until its state is ``done``."""
        return self._ask(VaultProgress, "vault.rotate", json={"key": key, "begin": begin})


class Limits(Resource):
    """How many runs may run at once."""

    def get(self) -> LimitsAnswer:
        """Return the limits, and how many runs run and wait."""
        return self._ask(LimitsAnswer, "limits.get")

    def put(self, **body: Unpack[PutLimits]) -> LimitsAnswer:
        """Replace all limits; an omitted one is unlimited."""
        return self._ask(LimitsAnswer, "limits.put", json=body)

    def delete(self) -> LimitsAnswer:
        """Remove all limits."""
        return self._ask(LimitsAnswer, "limits.delete")


class Quotas(Resource):
    """How much of providers may be used in a time."""

    def get(self) -> QuotasAnswer:
        """Return the quotas."""
        return self._ask(QuotasAnswer, "quotas.get")

    def put(self, **body: Unpack[PutQuotas]) -> QuotasAnswer:
        """Replace all quotas."""
        return self._ask(QuotasAnswer, "quotas.put", json=body)


class Cache(Resource):
    """Answers of models that are used again."""

    def get(self) -> CacheAnswer:
        """Return hits, misses, bytes and the money saved."""
        return self._ask(CacheAnswer, "cache.get")

    def purge(self, **body: Unpack[PurgeCache]) -> CachePurged:
        """Remove the answers that match every given field, or ``all``."""
        return self._ask(CachePurged, "cache.purge", json=body)
