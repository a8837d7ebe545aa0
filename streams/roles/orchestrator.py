"""The orchestrator role: the fold of ``run-events`` on the engine, which decides what every run does next."""

from functools import partial

from connectors.ports.engine import InRecord
from streams.core.runs.fold import RunFold
from streams.core.runs.requests.chained import goes_on
from streams.process.context import RoleContext
from streams.process.role import RoleApp
from streams.process.spec import Dependency, RoleSpec
from streams.runtime.consumer.transport import Reads
from streams.runtime.table.spec import TableSpec, never_lingers
from streams.runtime.table.timers import fire_run_timers
from topics.catalogue import (
    ADMISSIONS,
    AUDIT_EVENTS,
    COST_EVENTS,
    DEPLOYMENT_OUTCOMES,
    RUN_EVENTS,
    RUN_VIEWS,
    STEP_REQUESTS,
    TABLE_RUNS,
    TRACE_SPANS,
)
from topics.partitioner import run_partition


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""
    settings = ctx.settings.tables
    spec = TableSpec(
        topic=RUN_EVENTS,
        fold=RunFold(chain_steps=settings.chain_steps, keep_finished_ms=int(settings.keep_finished_s * 1000)),
        fire=fire_run_timers,
        continues=_continues if settings.chain_steps else never_lingers,
        place=partial(run_partition, first=ctx.settings.kafka.partitions),
    )
    return ctx.app(SPEC.name, ctx.table_agent(SPEC.name, TABLE_RUNS, spec), Reads(topics=SPEC.reads))


def _continues(record: InRecord) -> bool:
    return goes_on(record.value)


SPEC = RoleSpec(
    name="orchestrator",
    summary="folds what happens to runs, and decides what they do next",
    build=build,
    reads=(RUN_EVENTS,),
    writes=(
        RUN_EVENTS,
        STEP_REQUESTS,
        RUN_VIEWS,
        TRACE_SPANS,
        ADMISSIONS,
        COST_EVENTS,
        DEPLOYMENT_OUTCOMES,
        AUDIT_EVENTS,
    ),
    table=TABLE_RUNS,
    needs=(Dependency.KAFKA, Dependency.REDIS),
)
