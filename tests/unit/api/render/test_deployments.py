"""Deployments as the API shows them: figures of the table while it has them, else those of the last decision."""

from msgspec import structs

from api.render.deployments import deployment, line
from connectors.redis.readers.deployments import RolloutTable
from schemas.api_models.prompts.deployments import DeploymentAnswer
from schemas.records.rollouts.deployments import DeploymentEvent
from schemas.rollouts.deployment import Deployment
from schemas.rollouts.plan import Metric
from schemas.tables.deployments import DECIDED, HEAD, rollout_entity, sums_field
from streams.core.deployments.fold import DeploymentsFold
from streams.core.memory import MemoryState
from tests.support.rollouts import QUICK, both, overridden, started

STORED = Deployment(
    id="d1",
    org_id="acme",
    prompt="summary",
    environment="production",
    plan=QUICK,
    stable_version=1,
    canary_version=2,
    entity="input.user_id",
    started_by="ann",
    started_ms=1_000,
)
METRICS: tuple[Metric, ...] = ("score", "errors", "cost", "latency")


def shown(*events: DeploymentEvent, of: Deployment = STORED, with_table: bool = True) -> DeploymentAnswer:
    """Return what is shown after these records were folded, and the newest decision was recorded."""
    fold, state = DeploymentsFold(), MemoryState()
    for number, event in enumerate([started(), *events]):
        fold.fold(state, event, 1_000 + number, number)
    entity = rollout_entity(STORED.rollout)
    head, decided = state.get(entity, HEAD), state.get(entity, DECIDED)
    assert head is not None
    assert decided is not None
    pairs = {metric: state.get(entity, sums_field(metric, 0)) for metric in METRICS}
    table = RolloutTable(head, {metric: (pair,) for metric, pair in pairs.items() if pair is not None})
    stored = structs.replace(of, status=decided.status, number=decided.number, decision=decided)
    return deployment(stored, table if with_table else None, 1_000)


def test_a_running_one_has_the_figures_of_the_table_and_what_it_waits_for() -> None:
    found = shown(*both(1, canary=False, score=1.0), *both(2, canary=True, score=0.5))
    assert found.statistics is not None
    assert (found.statistics.as_of, found.statistics.runs) == ("now", 2)
    assert [reason.code for reason in found.waiting] == ["least_runs"] * 4
    assert (found.step, found.steps, found.share, found.plan.entity) == (1, 1, 0.5, "input.user_id")
    assert found.decision is not None
    assert found.decision.text == "the canary gets 50% of the runs"


def test_one_that_is_over_waits_for_nothing() -> None:
    found = shown(*both(1, canary=False, score=1.0), overridden("rollback"))
    assert (found.status, found.waiting) == ("rolled_back", [])
    assert found.decision is not None
    assert (found.decision.by, found.decision.text) == ("ann", "ann decided so by hand")


def test_without_the_table_the_figures_are_those_of_the_decision() -> None:
    runs = [one for n in range(1, 3) for one in both(n, canary=n == 2, score=1.0)]
    found = shown(*runs, overridden("stop"), with_table=False)
    assert found.statistics is not None
    assert (found.statistics.as_of, [one.metric for one in found.statistics.metrics]) == ("decision", list(METRICS))


def test_a_table_of_a_later_deployment_says_nothing_of_an_earlier_one() -> None:
    found = shown(of=structs.replace(STORED, id="d0"))
    assert found.statistics is not None
    assert found.statistics.as_of == "decision"
    assert [reason.code for reason in found.waiting] == ["not_begun"]


def test_one_that_the_fold_has_not_begun_has_no_figures() -> None:
    found = deployment(STORED, None, 1_000)
    assert (found.statistics, found.decision, found.problem) == (None, None, None)
    assert line(structs.replace(STORED, stable_version=0)).stable_version is None
