"""The routes role: the fold of ``route-outcomes`` on the engine."""

from streams.core.routes.fold import RoutesFold
from streams.process.context import RoleContext
from streams.process.role import RoleApp
from streams.process.spec import Dependency, RoleSpec
from streams.runtime.consumer.transport import Reads
from streams.runtime.table.spec import TableSpec
from topics.catalogue import ROUTE_OUTCOMES, TABLE_ROUTES


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""
    handler = ctx.table_agent(SPEC.name, TABLE_ROUTES, TableSpec(topic=ROUTE_OUTCOMES, fold=RoutesFold()))
    return ctx.app(SPEC.name, handler, Reads(topics=SPEC.reads))


SPEC = RoleSpec(
    name="routes",
    summary="folds outcomes of learned routes into what each route is worth",
    build=build,
    reads=(ROUTE_OUTCOMES,),
    table=TABLE_ROUTES,
    needs=(Dependency.KAFKA, Dependency.REDIS),
)
