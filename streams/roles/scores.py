"""The scores role: answers of production are scored as their prompts' policies say.

It reads no topic, and submits the runs of judges. Runs that are due are in PostgreSQL, where history puts those of
organisations with a policy; any number of processes share them by leases. ``services.prompts.live.scoring`` has the
order of everything.
"""

from connectors.postgres.history.runs import Runs
from connectors.postgres.live_scores import LiveScores
from connectors.postgres.prompts import Prompts
from connectors.postgres.prompts.judgements import Judgements
from connectors.postgres.prompts.scoring import PromptScoring
from connectors.postgres.workflows import Workflows
from connectors.prometheus.families import counter
from connectors.redis.readers.specs import SpecReader
from connectors.redis.shadow_answers import ShadowAnswers
from connectors.tools import REGISTRY
from schemas.metrics import LIVE_SCORES_TOTAL
from services.prompts.live.judging import Judging
from services.prompts.live.ports import LivePorts
from services.prompts.live.scoring import BATCH, LiveScoring
from services.prompts.rollouts.arms import arms_of
from services.workflows.of_run import RunDefinitions
from services.workflows.resolver import WorkflowResolver
from streams.process.context import RoleContext
from streams.process.role import RoleApp, TickApp
from streams.process.spec import Dependency, RoleSpec
from streams.roles.submission_path import SubmissionPath
from streams.runtime.consumer.poll import Partition
from topics.catalogue import AUDIT_EVENTS, DEPLOYMENT_OUTCOMES, QUALITY_SCORES, ROUTE_OUTCOMES, RUN_EVENTS

#: Without a policy a look costs PostgreSQL one scan of an empty index.
TICK_S = 1.0
#: Between two ticks; then the process sees whether it must end.
_MOST_BATCHES = 20


class ScoreTicker:
    """Scores what is due."""

    def __init__(self, scoring: LiveScoring) -> None:
        self._scoring = scoring

    def paused(self) -> dict[Partition, str]:
        """Return nothing: no partition is read."""
        return {}

    async def tick(self) -> None:
        """Score what is due. Raises ``Unavailable`` when a dependency does not answer; nothing is lost by that."""
        for _ in range(_MOST_BATCHES):
            if await self._scoring.work() < BATCH:
                return


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""
    settings, path = ctx.settings, SubmissionPath.of(ctx)
    database = path.database
    plans = WorkflowResolver(Workflows(database), Prompts(database), arguments=REGISTRY.argument_names)
    counts = counter(LIVE_SCORES_TOTAL, ctx.registry)
    ports = LivePorts(
        policies=PromptScoring(database),
        store=LiveScores(database),
        history=Runs(database),
        definitions=RunDefinitions(plans, SpecReader(ctx.redis, settings.kafka.partitions), arms_of(database)),
        objects=path.objects,
        appender=path.appender,
        count=lambda outcome: counts.labels(outcome).inc(),
        capture=settings.security.capture,
        shadows=ShadowAnswers(ctx.pipelined()),
        judging=Judging(Judgements(database), path.submissions, path.objects),
    )
    return TickApp(SPEC.name, ScoreTicker(LiveScoring(ports)), TICK_S)


SPEC = RoleSpec(
    name="scores",
    summary="scores a share of the answers of production, as prompts' policies say",
    build=build,
    writes=(ROUTE_OUTCOMES, DEPLOYMENT_OUTCOMES, QUALITY_SCORES, RUN_EVENTS, AUDIT_EVENTS),
    needs=(Dependency.KAFKA, Dependency.REDIS, Dependency.POSTGRES),
)
