"""The budgets role: the fold of ``cost-events`` on the engine, and what its timers say.

Runs learn from it of settlements that no outcome reports (``CallSettled``).

The only timers of the table ``budgets`` are those of holds. One that is due means that a hold outlived its
call; it becomes a presumed settlement on the table's own topic, so that the end of a hold, too, is in the
log.
"""

from collections.abc import Sequence
from typing import Protocol

from connectors.ports.engine import Due, OutRecord, split_member
from connectors.redis.holds import Expired, RedisHolds
from schemas.tables.budgets import HOLD
from services.budgets.definitions import BudgetDefinitions
from streams.core.budgets.fold import BudgetsFold
from streams.process.context import RoleContext
from streams.process.role import RoleApp
from streams.process.spec import Dependency, RoleSpec
from streams.runtime.consumer.transport import Reads
from streams.runtime.table.spec import TableSpec
from topics.catalogue import COST_EVENTS, RUN_EVENTS, TABLE_BUDGETS, WORKFLOW_EVENTS

#: Holds of calls in flight are asserted again within a third of a lease; twice a lease covers a slow one.
RESTORE_GRACE_LEASES = 2


class ExpiredHolds(Protocol):
    """Where expired holds are read."""

    async def load_presumed(self, partition: int, call_ids: Sequence[str]) -> list[Expired]:
        """Return the presumed settlements of these holds. Raises ``Unavailable``."""
        ...


class PresumedSettlements:
    """Turns due hold timers into presumed settlements."""

    def __init__(self, holds: ExpiredHolds) -> None:
        self._holds = holds

    async def fire(self, partition: int, due: Sequence[Due]) -> list[OutRecord]:
        """Return the records of due timers. Raises ``Unavailable``.

        A timer stays armed until the fold releases its hold, so the same settlement may come again; the fold
        tells the repeat.
        """
        named = (split_member(timer.member) for timer in due)
        calls = [timer_id for entity, timer_id in named if entity == HOLD]
        if not calls:
            return []
        expired = await self._holds.load_presumed(partition, calls)
        return [OutRecord(COST_EVENTS, hold.org_id.encode(), hold.record) for hold in expired]


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""
    settings = ctx.settings
    holds = RedisHolds(ctx.redis, BudgetDefinitions(), settings.kafka.partitions, settings.tables.hold_ttl_ms)
    spec = TableSpec(
        topic=COST_EVENTS,
        fold=BudgetsFold(),
        fire=PresumedSettlements(holds).fire,
        grace_ms=RESTORE_GRACE_LEASES * settings.worker.claim_lease_ms,
    )
    # Workers arm the timers of their holds themselves.
    handler = ctx.table_agent(SPEC.name, TABLE_BUDGETS, spec, foreign_timers=True)
    return ctx.app(SPEC.name, handler, Reads(topics=SPEC.reads))


SPEC = RoleSpec(
    name="budgets",
    summary="folds costs into what was spent, and settles holds that outlived their calls",
    build=build,
    reads=(COST_EVENTS,),
    writes=(COST_EVENTS, RUN_EVENTS, WORKFLOW_EVENTS),
    table=TABLE_BUDGETS,
    needs=(Dependency.KAFKA, Dependency.REDIS),
)
