"""The deployments role: the fold of ``deployment-outcomes`` on the engine."""

from streams.core.deployments.fold import DeploymentsFold
from streams.process.context import RoleContext
from streams.process.role import RoleApp
from streams.process.spec import Dependency, RoleSpec
from streams.runtime.consumer.transport import Reads
from streams.runtime.table.spec import TableSpec
from topics.catalogue import DEPLOYMENT_DECISIONS, DEPLOYMENT_OUTCOMES, TABLE_DEPLOYMENTS, WORKFLOW_EVENTS


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""
    spec = TableSpec(topic=DEPLOYMENT_OUTCOMES, fold=DeploymentsFold())
    return ctx.app(SPEC.name, ctx.table_agent(SPEC.name, TABLE_DEPLOYMENTS, spec), Reads(topics=SPEC.reads))


SPEC = RoleSpec(
    name="deployments",
    summary="folds outcomes of rollouts into what is decided of a prompt's new version",
    build=build,
    reads=(DEPLOYMENT_OUTCOMES,),
    writes=(DEPLOYMENT_DECISIONS, WORKFLOW_EVENTS),
    table=TABLE_DEPLOYMENTS,
    needs=(Dependency.KAFKA, Dependency.REDIS),
)
