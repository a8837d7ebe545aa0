"""Policies of the organisation; its vault; limits of runs, quotas of providers, cached answers."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Unpack

from agentflow.bodies import PurgeCache, PutLimits, PutQuotas
from agentflow.client.aio.resource import AsyncResource, given
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


class AsyncPolicies(AsyncResource):
    """What untrusted data may do. Versions never change; an activation says which one decides for new runs."""

    async def create(self, document: Document) -> PolicyAnswer:
        """Store the next version of the policy that the document names."""
        return await self._ask(PolicyAnswer, "policies.create", json={"document": document})

    async def list(self) -> PolicyPage:
        """Return the policies, and which version is active."""
        return await self._ask(PolicyPage, "policies.list")

    async def versions(self, name: str) -> PolicyVersionPage:
        """Return the versions of a policy, the newest first."""
        return await self._ask(PolicyVersionPage, "policies.versions", name)

    async def get(self, name: str, version: int) -> PolicyAnswer:
        """Return one version with its document."""
        return await self._ask(PolicyAnswer, "policies.get", name, str(version))

    async def test(
        self,
        document: Document | None = None,
        *,
        name: str | None = None,
        version: int | None = None,
        cases: Sequence[Mapping[str, Any]] = (),
    ) -> PolicyTested:
        """Run the tests of a document or of a stored version, and further cases; nothing is stored."""
        body = given(document=document, name=name, version=version) | {"cases": [dict(one) for one in cases]}
        return await self._ask(PolicyTested, "policies.test", json=body)

    async def active(self) -> ActivePolicy:
        """Return the policy that decides for new runs, and earlier activations."""
        return await self._ask(ActivePolicy, "policies.active")

    async def activate(
        self, name: str, version: int, mode: Literal["enforce", "shadow"], *, break_glass: str | None = None
    ) -> ActivePolicy:
        """Let a version decide for runs that are submitted from now on; an earlier one rolls back.

        ``break_glass`` is why it is done although a rule at ``admin`` denies it.
        """
        body, params = {"version": version, "mode": mode}, given(break_glass=break_glass)
        return await self._ask(ActivePolicy, "policies.activate", name, json=body, params=params)

    async def deactivate(self, *, break_glass: str | None = None) -> ActivePolicy:
        """Let no policy decide for runs that are submitted from now on. ``break_glass`` as for ``activate``."""
        return await self._ask(ActivePolicy, "policies.deactivate", params=given(break_glass=break_glass))


class AsyncVault(AsyncResource):
    """The keys that personal data is sealed with."""

    async def status(self) -> VaultStatus:
        """Return the versions of the organisation's key, and what is sealed with them."""
        return await self._ask(VaultStatus, "vault.status")

    async def rotate(self, key: Literal["organisation", "master"], *, begin: bool = True) -> VaultProgress:
        """Begin or continue a rotation, for about a second; repeat it without ``begin`` until its state is ``done``."""
        return await self._ask(VaultProgress, "vault.rotate", json={"key": key, "begin": begin})


class AsyncLimits(AsyncResource):
    """How many runs may run at once."""

    async def get(self) -> LimitsAnswer:
        """Return the limits, and how many runs run and wait."""
        return await self._ask(LimitsAnswer, "limits.get")

    async def put(self, **body: Unpack[PutLimits]) -> LimitsAnswer:
        """Replace all limits; an omitted one is unlimited."""
        return await self._ask(LimitsAnswer, "limits.put", json=body)

    async def delete(self) -> LimitsAnswer:
        """Remove all limits."""
        return await self._ask(LimitsAnswer, "limits.delete")


class AsyncQuotas(AsyncResource):
    """How much of providers may be used in a time."""

    async def get(self) -> QuotasAnswer:
        """Return the quotas."""
        return await self._ask(QuotasAnswer, "quotas.get")

    async def put(self, **body: Unpack[PutQuotas]) -> QuotasAnswer:
        """Replace all quotas."""
        return await self._ask(QuotasAnswer, "quotas.put", json=body)


class AsyncCache(AsyncResource):
    """Answers of models that are used again."""

    async def get(self) -> CacheAnswer:
        """Return hits, misses, bytes and the money saved."""
        return await self._ask(CacheAnswer, "cache.get")

    async def purge(self, **body: Unpack[PurgeCache]) -> CachePurged:
        """Remove the answers that match every given field, or ``all``."""
        return await self._ask(CachePurged, "cache.purge", json=body)
