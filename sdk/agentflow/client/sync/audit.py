# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""The audit log: entries, signed checkpoints, proofs, and retention."""

from typing import Unpack

from agentflow.bodies import ExpireAudit, HoldAudit
from agentflow.client.sync.resource import Resource, given
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


class Audit(Resource):
    """The audit log of the organisation."""

    def list(
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
        return self._ask(AuditPage, "audit.list", params=who | when)

    def lines(self, *, first: int = 0, size: int | None = None, limit: int | None = None) -> AuditLines:
        """Return entries as they were signed for, from ``first`` on, up to a checkpoint."""
        return self._ask(AuditLines, "audit.lines", params=given(first=first, size=size, limit=limit))

    def checkpoint(self, *, size: int | None = None) -> AuditCheckpointAnswer:
        """Return a signed checkpoint, the newest by default."""
        return self._ask(AuditCheckpointAnswer, "audit.checkpoint", params=given(size=size))

    def checkpoints(self, *, limit: int | None = None) -> AuditCheckpointPage:
        """Return the checkpoints that are kept, the newest first."""
        return self._ask(AuditCheckpointPage, "audit.checkpoints", params=given(limit=limit))

    def proof(self, index: int, *, size: int | None = None) -> AuditProof:
        """Return the proof that the log has an entry."""
        return self._ask(AuditProof, "audit.proof", params=given(index=index, size=size))

    def consistency(self, old: int, *, size: int | None = None) -> AuditConsistency:
        """Return the proof that the first ``old`` entries are those of the older log."""
        return self._ask(AuditConsistency, "audit.consistency", params=given(old=old, size=size))

    def key(self) -> AuditKeys:
        """Return the public keys that signed checkpoints, the newest first."""
        return self._ask(AuditKeys, "audit.key")

    def expire(self, **body: Unpack[ExpireAudit]) -> AuditExpired:
        """Remove what older entries of a kind say; their hashes stay."""
        return self._ask(AuditExpired, "audit.expire", json=body)

    def hold(self, **body: Unpack[HoldAudit]) -> AuditHold:
        """Create a legal hold: retention removes nothing that it matches."""
        return self._ask(AuditHold, "audit.hold", json=body)

    def holds(self) -> AuditHolds:
        """Return the legal holds in force."""
        return self._ask(AuditHolds, "audit.holds")

    def release(self, name: str) -> None:
        """Remove a legal hold."""
        self._raw("audit.release", name)
