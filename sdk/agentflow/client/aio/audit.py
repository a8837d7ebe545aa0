"""The audit log: entries, signed checkpoints, proofs, and retention."""

from typing import Unpack

from agentflow.bodies import ExpireAudit, HoldAudit
from agentflow.client.aio.resource import AsyncResource, given
from agentflow.models import (
    AuditCheckpointAnswer,
    AuditCheckpointPage,
    AuditConsistency,
    AuditExpired,
    AuditHold,
    AuditHolds,
    AuditKeys,
    AuditLines,
    AuditPage,
    AuditProof,
)


class AsyncAudit(AsyncResource):
    """The audit log of the organisation."""

    async def list(
        self,
        *,
        kind: str | None = None,
        actor: str | None = None,
        action: str | None = None,
        run_id: str | None = None,
        since: str | None = None,
        until: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> AuditPage:
        """Return entries, the newest first. A time is RFC 3339, or a span back such as ``24h``."""
        who = given(kind=kind, actor=actor, action=action, run_id=run_id)
        when = given(since=since, until=until, cursor=cursor, limit=limit)
        return await self._ask(AuditPage, "audit.list", params=who | when)

    async def lines(self, *, first: int = 0, size: int | None = None, limit: int | None = None) -> AuditLines:
        """Return entries as they were signed for, from ``first`` on, up to a checkpoint."""
        return await self._ask(AuditLines, "audit.lines", params=given(first=first, size=size, limit=limit))

    async def checkpoint(self, *, size: int | None = None) -> AuditCheckpointAnswer:
        """Return a signed checkpoint, the newest by default."""
        return await self._ask(AuditCheckpointAnswer, "audit.checkpoint", params=given(size=size))

    async def checkpoints(self, *, limit: int | None = None) -> AuditCheckpointPage:
        """Return the checkpoints that are kept, the newest first."""
        return await self._ask(AuditCheckpointPage, "audit.checkpoints", params=given(limit=limit))

    async def proof(self, index: int, *, size: int | None = None) -> AuditProof:
        """Return the proof that the log has an entry."""
        return await self._ask(AuditProof, "audit.proof", params=given(index=index, size=size))

    async def consistency(self, old: int, *, size: int | None = None) -> AuditConsistency:
        """Return the proof that the first ``old`` entries are those of the older log."""
        return await self._ask(AuditConsistency, "audit.consistency", params=given(old=old, size=size))

    async def key(self) -> AuditKeys:
        """Return the public keys that signed checkpoints, the newest first."""
        return await self._ask(AuditKeys, "audit.key")

    async def expire(self, **body: Unpack[ExpireAudit]) -> AuditExpired:
        """Remove what older entries of a kind say; their hashes stay."""
        return await self._ask(AuditExpired, "audit.expire", json=body)

    async def hold(self, **body: Unpack[HoldAudit]) -> AuditHold:
        """Create a legal hold: retention removes nothing that it matches."""
        return await self._ask(AuditHold, "audit.hold", json=body)

    async def holds(self) -> AuditHolds:
        """Return the legal holds in force."""
        return await self._ask(AuditHolds, "audit.holds")

    async def release(self, name: str) -> None:
        """Remove a legal hold."""
        await self._raw("audit.release", name)
