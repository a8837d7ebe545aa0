"""The rollouts role: what follows from decisions over rollouts, in PostgreSQL."""

from connectors.ports.engine import InRecord
from connectors.postgres.prompts.deployments import PromptDeployments
from connectors.postgres.prompts.labels import PromptLabels
from schemas.records.rollouts.deployments import DeploymentDecided
from services.prompts.rollouts.upkeep import Upkeep
from streams.process.context import RoleContext
from streams.process.role import RoleApp
from streams.process.spec import Dependency, RoleSpec
from streams.runtime.consumer.transport import Reads
from streams.runtime.sink import SinkAgent, SinkSpec, decoded
from topics.catalogue import DEPLOYMENT_DECISIONS


class DecisionSink:
    """Applies decisions in their order."""

    def __init__(self, upkeep: Upkeep) -> None:
        self._upkeep = upkeep

    async def write(self, records: list[tuple[InRecord, DeploymentDecided]]) -> None:
        """Apply a batch. Raises ``Unavailable`` when PostgreSQL does not answer: ack nothing."""
        for _, decided in records:
            await self._upkeep.apply(decided)


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""
    database = ctx.database()
    sink = DecisionSink(Upkeep(PromptDeployments(database), PromptLabels(database)))
    spec = SinkSpec(name=SPEC.name, open_record=decoded, write=sink.write)
    return ctx.app(SPEC.name, SinkAgent(spec, ctx.log, ctx.clock), Reads(topics=SPEC.reads))


SPEC = RoleSpec(
    name="rollouts",
    summary="moves the labels of prompts as rollouts are decided, and records that",
    build=build,
    reads=(DEPLOYMENT_DECISIONS,),
    needs=(Dependency.KAFKA, Dependency.POSTGRES),
)
