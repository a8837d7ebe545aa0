"""The history role: run views to PostgreSQL, for reading and listing."""

from connectors.ports.engine import InRecord
from connectors.postgres.history.run_writes import RunWrites
from connectors.postgres.prompts.scoring import PromptScoring, ScoredOrganisations
from schemas.records.run_views import RunView
from streams.process.context import RoleContext
from streams.process.role import RoleApp
from streams.process.spec import Dependency, RoleSpec
from streams.runtime.consumer.transport import Reads
from streams.runtime.sink import SinkAgent, SinkSpec, batch_delay, decoded
from topics.catalogue import RUN_VIEWS

#: Readers see a run's steps this much later; under load its views gather, and of each run only the newest is written.
DELAY_MS = 40.0, 400.0


class HistorySink:
    """Writes views by version, newest wins, so order and repeats do not matter."""

    def __init__(self, writes: RunWrites) -> None:
        self._writes = writes

    async def write(self, records: list[tuple[InRecord, RunView]]) -> None:
        """Write a batch in one transaction. Raises ``Unavailable`` when PostgreSQL does not answer: ack nothing."""
        await self._writes.write(view for _, view in records)


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""
    database = ctx.database()
    sink = HistorySink(RunWrites(database, ScoredOrganisations(PromptScoring(database))))
    spec = SinkSpec(name=SPEC.name, open_record=decoded, write=sink.write, gathering=batch_delay(*DELAY_MS))
    return ctx.app(SPEC.name, SinkAgent(spec, ctx.log, ctx.clock), Reads(topics=SPEC.reads))


SPEC = RoleSpec(
    name="history",
    summary="writes what readers see of runs to PostgreSQL",
    build=build,
    reads=(RUN_VIEWS,),
    needs=(Dependency.KAFKA, Dependency.POSTGRES),
)
