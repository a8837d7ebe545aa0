"""Evaluations of prompts, scores of live answers, and deployments of prompts."""

from api.clients import DEPENDENCY_TIMEOUT_S
from api.services import DefinitionServices, EvaluationServices, RolloutServices, RunServices, SecurityServices
from api.wiring.base import Base
from connectors.clickhouse.score_points import ScorePoints
from connectors.postgres.evaluations import Evaluations
from connectors.postgres.live_scores import LiveScores
from connectors.postgres.prompts import Prompts
from connectors.postgres.prompts.deployments import PromptDeployments
from connectors.postgres.prompts.judgements import Judgements
from connectors.postgres.prompts.scoring import PromptScoring
from connectors.redis.readers.deployments import DeploymentReader
from connectors.redis.readers.series import SeriesReader
from services.prompts.evaluations.registering import Registering
from services.prompts.evaluations.results import EvaluationResults, ResultPorts
from services.prompts.evaluations.start import EvaluationStarts, StartPorts
from services.prompts.from_runs.cases import CasePorts, CasesOfRuns
from services.prompts.from_runs.datasets import DatasetsOfRuns
from services.prompts.live.judges import LiveJudges
from services.prompts.rollouts.control import Rollouts


def evaluations_of(
    base: Base, definitions: DefinitionServices, runs: RunServices, security: SecurityServices
) -> EvaluationServices:
    """Return evaluations: starting them, reading them, and what becomes of live answers."""
    database = base.clients.database
    starts = StartPorts(
        prompts=Prompts(database),
        datasets=definitions.datasets,
        evaluations=Evaluations(database),
        registering=Registering(definitions.workflows, definitions.registrations, definitions.plans),
        submissions=runs.submissions,
    )
    results = EvaluationResults(
        ResultPorts(
            evaluations=starts.evaluations,
            datasets=definitions.datasets,
            history=runs.history,
            objects=runs.objects,
            appender=runs.appender,
        )
    )
    return EvaluationServices(
        stored=starts.evaluations,
        starts=EvaluationStarts(starts),
        results=results,
        judges=LiveJudges(starts.registering, starts.evaluations, results, Judgements(database)),
        of_runs=_datasets_of_runs(base, definitions, runs, security),
        scoring=PromptScoring(database),
        live_scores=LiveScores(database),
        series=SeriesReader(base.clients.redis, base.partitions),
        points=ScorePoints(base.clients.clickhouse),
    )


def _datasets_of_runs(
    base: Base, definitions: DefinitionServices, runs: RunServices, security: SecurityServices
) -> DatasetsOfRuns:
    cases = CasePorts(
        history=runs.history,
        definitions=runs.definitions,
        objects=runs.objects,
        active=security.active,
        redactors=security.redactors,
        capture=base.settings.security.capture,
    )
    return DatasetsOfRuns(CasesOfRuns(cases), definitions.datasets, runs.appender)


def rollouts_of(base: Base, definitions: DefinitionServices) -> RolloutServices:
    """Return deployments of prompts."""
    stored, policies = PromptDeployments(base.clients.database), PromptScoring(base.clients.database)
    return RolloutServices(
        control=Rollouts(definitions.prompts, stored, policies),
        table=DeploymentReader(base.clients.redis, base.partitions, DEPENDENCY_TIMEOUT_S),
    )
