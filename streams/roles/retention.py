"""The retention role: deletes runs that ended longer ago than their organisation keeps them, and that nobody holds.

Stored objects that nothing kept refers to leave, and single settlements become sums by the hour. What audit entries say
leaves by the days of their kind: the role says so in the log, and the role ``audit`` does it.
"""

import logging
from dataclasses import dataclass
from typing import Protocol

from connectors.clickhouse.retention.captured_objects import CapturedObjects
from connectors.clickhouse.retention.old_costs import OldCosts
from connectors.clickhouse.retention.run_deletion import RunTraces
from connectors.objects.backends import listable
from connectors.ports.engine import Clock
from connectors.postgres.audit.overdue import AuditOverdue
from connectors.postgres.history.object_references import ObjectReferences
from connectors.postgres.history.run_deletion import RunDeletion
from schemas.configuration.audit_days import AuditDays, audit_days_of
from schemas.records.definitions import AuditEvent
from schemas.settings import Settings
from services.retention.audit_entries import AuditSweeper
from services.retention.costs import CostSweeper
from services.retention.objects import ObjectSweeper
from services.retention.records import RunRecords
from services.retention.sweeper import KeptDays, Sweeper
from streams.process.context import RoleContext
from streams.process.role import RoleApp, TickApp
from streams.process.spec import Dependency, RoleSpec
from streams.runtime.consumer.poll import Partition
from streams.runtime.routing import to_out
from topics.catalogue import AUDIT_EVENTS, RUN_VIEWS

log = logging.getLogger(__name__)

#: A tick does some seconds' work, as a role whose tick does not end is not ready; what is left is for the next.
TICK_S = 2.0
#: Days are kept by the hour: nobody needs a run to leave within a minute.
SWEEP_EVERY_MS = 60 * 60_000


class Sweep(Protocol):
    """Deletes by organisation, see ``services.retention``; ``cut`` says that it left some for the next."""

    cut: bool

    async def sweep(self, now_ms: int) -> dict[str, int]:
        """Delete; return how many of each organisation. Raises ``Unavailable``."""
        ...


@dataclass(frozen=True, slots=True)
class Sweeps:
    """What is swept: runs, costs, objects, audit entries, in this order."""

    runs: Sweep
    costs: Sweep
    objects: Sweep
    audit: AuditSweeper


class RetentionTicker:
    """Sweeps when an hour has passed since the last sweep that was finished; one that was cut continues."""

    def __init__(self, sweeps: Sweeps, clock: Clock) -> None:
        self._sweeps = sweeps
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
        sweeps = self._sweeps
        _said(await sweeps.runs.sweep(now_ms), "%d old runs of %s are deleted")
        _said(await sweeps.costs.sweep(now_ms), "the costs of %d hours of %s are added up")
        _said(await sweeps.objects.sweep(now_ms), "%d stored objects of %s are deleted: nothing refers to them")
        if count := await sweeps.audit.sweep(now_ms):
            log.info("%d kinds of entries of audit logs are over", count, extra={"action": "audit_retention"})
        if not (sweeps.runs.cut or sweeps.costs.cut or sweeps.objects.cut):
            self._swept_ms = now_ms


def _said(swept: dict[str, int], words: str) -> None:
    for org_id, count in swept.items():
        log.info(words, count, org_id, extra={"action": "retention"})


def kept_days(settings: Settings) -> KeptDays:
    """Return how long the settings keep runs."""
    said = settings.retention
    return KeptDays.read(said.runs_days, said.runs_days_of)


def audit_days(settings: Settings) -> AuditDays:
    """Return how long the settings keep what audit entries say."""
    return audit_days_of(settings.audit.days, settings.audit.days_of)


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""

    async def say(event: AuditEvent) -> None:
        await ctx.log.append([to_out(event)])

    said, database, clickhouse = ctx.settings.retention, ctx.database(), ctx.clickhouse()
    runs = RunDeletion(database)
    objects_kept = KeptDays.read(said.objects_days, said.objects_days_of)
    costs_kept = KeptDays.read(said.costs_days, said.costs_days_of)
    sweeps = Sweeps(
        runs=Sweeper(kept_days(ctx.settings), runs, RunRecords(RunTraces(clickhouse), ctx.log)),
        costs=CostSweeper(costs_kept, OldCosts(clickhouse), runs),
        objects=ObjectSweeper(
            objects_kept, listable(ctx.objects().blobs), ObjectReferences(database), CapturedObjects(clickhouse)
        ),
        audit=AuditSweeper(audit_days(ctx.settings), AuditOverdue(database), say),
    )
    return TickApp(SPEC.name, RetentionTicker(sweeps, ctx.clock), TICK_S)


SPEC = RoleSpec(
    name="retention",
    summary="deletes runs, objects and single costs that are kept no longer, and says which audit entries are over",
    build=build,
    writes=(RUN_VIEWS, AUDIT_EVENTS),
    needs=(Dependency.KAFKA, Dependency.POSTGRES, Dependency.CLICKHOUSE),
)
