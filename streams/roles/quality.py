"""The quality role: the fold of ``quality-scores`` on the engine."""

from streams.core.quality.fold import QualityFold
from streams.process.context import RoleContext
from streams.process.role import RoleApp
from streams.process.spec import Dependency, RoleSpec
from streams.runtime.consumer.transport import Reads
from streams.runtime.table.spec import TableSpec
from topics.catalogue import QUALITY_SCORES, TABLE_QUALITY, WORKFLOW_EVENTS


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""
    handler = ctx.table_agent(SPEC.name, TABLE_QUALITY, TableSpec(topic=QUALITY_SCORES, fold=QualityFold()))
    return ctx.app(SPEC.name, handler, Reads(topics=SPEC.reads))


SPEC = RoleSpec(
    name="quality",
    summary="folds scores of live answers into series, and says when one has changed",
    build=build,
    reads=(QUALITY_SCORES,),
    writes=(WORKFLOW_EVENTS,),
    table=TABLE_QUALITY,
    needs=(Dependency.KAFKA, Dependency.REDIS),
)
