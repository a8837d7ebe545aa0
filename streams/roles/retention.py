"""The retention role: deletes runs that ended longer ago than their organisation keeps them, and that nobody holds.

What audit entries say leaves by the days of their kind: the role says so in the log, and the role ``audit`` does it.
"""

import logging

from connectors.clickhouse.run_deletion import RunTraces
from connectors.ports.engine import Clock
from connectors.postgres.audit.overdue import AuditOverdue
from connectors.postgres.history.run_deletion import RunDeletion
from schemas.configuration.audit_days import AuditDays, read_audit_days, read_audit_days_of
from schemas.configuration.days import read_days
from schemas.records.definitions import AuditEvent
from schemas.settings import Settings
from services.retention.audit_entries import AuditSweeper
from services.retention.records import RunRecords
from services.retention.sweeper import KeptDays, Sweeper
from streams.process.context import RoleContext
from streams.process.role import RoleApp, TickApp
from streams.process.spec import Dependency, RoleSpec
from streams.runtime.consumer.poll import Partition
from streams.runtime.routing import to_out
from topics.catalogue import AUDIT_EVENTS, RUN_VIEWS

log = logging.getLogger(__name__)

TICK_S = 60.0
#: Days are kept by the hour: nobody needs a run to leave within a minute.
SWEEP_EVERY_MS = 60 * 60_000


class RetentionTicker:
    """Sweeps when an hour has passed since the last sweep that was finished; one that was cut continues."""

    def __init__(self, sweeper: Sweeper, audit: AuditSweeper, clock: Clock) -> None:
        self._sweeper = sweeper
        self._audit = audit
        self._clock = clock
        self._swept_ms = 0

    def paused(self) -> dict[Partition, str]:
        """Return nothing: no partition is read."""
        return {}

    async def tick(self) -> None:
        """Delete what is due. Raises ``Unavailable``: the next tick finds what is left."""
        now_ms = self._clock.now_ms()
        if now_ms - self._swept_ms < SWEEP_EVERY_MS:
            return
        for org_id, count in (await self._sweeper.sweep(now_ms)).items():
            log.info("%d old runs of %s are deleted", count, org_id, extra={"action": "retention"})
        if count := await self._audit.sweep(now_ms):
            log.info("%d kinds of entries of audit logs are over", count, extra={"action": "audit_retention"})
        if not self._sweeper.cut:
            self._swept_ms = now_ms


def kept_days(settings: Settings) -> KeptDays:
    """Return how long the settings keep runs."""
    said = settings.retention
    return KeptDays(said.runs_days, read_days(said.runs_days_of))


def audit_days(settings: Settings) -> AuditDays:
    """Return how long the settings keep what audit entries say."""
    return AuditDays(read_audit_days(settings.audit.days), read_audit_days_of(settings.audit.days_of))


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""

    async def say(event: AuditEvent) -> None:
        await ctx.log.append([to_out(event)])

    records = RunRecords(RunTraces(ctx.clickhouse()), ctx.log)
    sweeper = Sweeper(kept_days(ctx.settings), RunDeletion(ctx.database()), records)
    audit = AuditSweeper(audit_days(ctx.settings), AuditOverdue(ctx.database()), say)
    return TickApp(SPEC.name, RetentionTicker(sweeper, audit, ctx.clock), TICK_S)


SPEC = RoleSpec(
    name="retention",
    summary="deletes runs that ended longer ago than they are kept, and says which audit entries are over",
    build=build,
    writes=(RUN_VIEWS, AUDIT_EVENTS),
    needs=(Dependency.KAFKA, Dependency.POSTGRES, Dependency.CLICKHOUSE),
)
