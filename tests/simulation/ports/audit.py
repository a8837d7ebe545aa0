"""Audit logs as a database keeps them: one transaction after the other, and each whole or not at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from schemas.audit.log import LogChange, LogEntry, LogHead, SignedCheckpoint
from schemas.audit.verifying import EXPIRED
from schemas.errors import Unavailable
from tests.simulation.ports.calls import Calls
from tests.simulation.scheduler import Process

Decide = Callable[[Mapping[str, LogHead], Collection[tuple[str, str]]], Awaitable[Sequence[LogChange]]]


class AuditLogs:
    """The logs themselves. ``removed`` are the entries without their bytes."""

    def __init__(self) -> None:
        self.heads: dict[str, LogHead] = {}
        self.entries: dict[str, list[LogEntry]] = {}
        self.checkpoints: dict[str, dict[int, SignedCheckpoint]] = {}
        self.removed: dict[str, set[int]] = {}
        self.writer: Process | None = None

    def ids(self) -> set[tuple[str, str]]:
        """Return which events are entries."""
        return {(org, entry.event.event_id) for org, entries in self.entries.items() for entry in entries}

    def apply(self, changes: Sequence[LogChange]) -> None:
        """Commit."""
        for change in changes:
            org = change.org_id
            self.heads[org] = change.head
            entries = self.entries.setdefault(org, [])
            entries += change.entries
            notes = self.checkpoints.setdefault(org, {})
            if change.checkpoint is not None:
                notes[change.checkpoint.size] = change.checkpoint
            if change.replaces:
                del notes[change.replaces]
            for expiry in change.expiries:
                self.removed.setdefault(org, set()).update(
                    place
                    for place, entry in enumerate(entries)
                    if entry.event.kind == expiry.kind and entry.event.at_ms < expiry.before_ms
                    if place < expiry.index and entry.event.action != EXPIRED
                )


class SimAuditLogs:
    """A process's ``LogStore``: who is stopped in a transaction loses it when another one comes."""

    def __init__(self, logs: AuditLogs, calls: Calls) -> None:
        self._logs = logs
        self._calls = calls

    async def change(self, events: Sequence[tuple[str, str]], decide: Decide) -> None:
        """Change the logs in one transaction."""
        logs, me = self._logs, self._calls.process
        await self._calls.turn("audit lock")
        while logs.writer not in (None, me) and logs.writer.alive and not logs.writer.stopped:
            await self._calls.turn("audit waits")
        logs.writer = me
        try:
            heads = {org: logs.heads.get(org, LogHead()) for org, _ in events}
            ids = logs.ids()
            changes = await decide(heads, [one for one in events if one in ids])
            await self._calls.call("audit commit", lambda: self._commit(changes))
        finally:
            if logs.writer is me:
                logs.writer = None

    async def _commit(self, changes: Sequence[LogChange]) -> None:
        if self._logs.writer is not self._calls.process:
            raise Unavailable("simulation", "the transaction was ended, because it was idle for long", 0.1)
        self._logs.apply(changes)
