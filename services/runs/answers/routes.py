"""The routes of a run's calls: why each was chosen, and scores of the answers that they gave."""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from connectors.clickhouse.route_spans import TrySpan
from connectors.kafka.deadline_appender import Appender
from connectors.ports.engine import OutRecord
from connectors.postgres.history.run_steps import RunSteps
from connectors.postgres.history.runs import Runs, StoredRun, StoredStep
from schemas.clock import now_ms
from schemas.errors import InvalidInput, NotFound, Problem
from schemas.ids import span_id, trace_id
from schemas.records.quality import AnswerScored
from schemas.records.rollouts.deployments import RunScored
from schemas.records.routes import RouteScored
from services.routing.choice import Choice, Excluded
from services.runs.answers.scores import Answered, Score, Scored, scored_records
from services.workflows.of_run import RunDefinitions
from topics.catalogue import DEPLOYMENT_OUTCOMES, QUALITY_SCORES, ROUTE_OUTCOMES
from topics.codec import encode

_CHOICE = msgspec.json.Decoder(Choice)


class ChoiceSpans(Protocol):
    """Where choices are read, see ``connectors.clickhouse.route_spans``."""

    async def choices(self, org_id: str, trace_id: str, parents: Sequence[str]) -> list[tuple[str, str]]:
        """Return parent spans and choices as JSON, oldest first. Raises ``Unavailable``."""
        ...

    async def tries(self, org_id: str, trace_id: str, parents: Sequence[str]) -> list[TrySpan]:
        """Return the spans of requests, oldest first. Raises ``Unavailable``."""
        ...


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """One request that a routed call led to, see ``services.calls.trying.tries``."""

    attempt: int
    call_id: str
    route: str
    status: str
    latency_ms: float
    error: str = ""
    cost_nano: int = 0
    kind: str = "first"
    why: str = ""
    skipped: tuple[Excluded, ...] = ()


_TOPICS: dict[type, str] = {
    RouteScored: ROUTE_OUTCOMES,
    RunScored: DEPLOYMENT_OUTCOMES,
    AnswerScored: QUALITY_SCORES,
}


class RunRoutes:
    """Explains and scores choices. Every method raises ``NotFound``, and ``Unavailable`` of what it asks."""

    def __init__(
        self,
        *,
        history: Runs,
        steps: RunSteps,
        definitions: RunDefinitions,
        spans: ChoiceSpans,
        appender: Appender,
        now: Callable[[], int] = now_ms,
    ) -> None:
        self._history = history
        self._steps = steps
        self._definitions = definitions
        self._spans = spans
        self._appender = appender
        self._now = now

    async def choices(self, org_id: str, run_id: str, step_id: str) -> list[tuple[int, Choice]]:
        """Return the choices of a step's calls with their attempts, oldest first."""
        step = await self._step(org_id, run_id, step_id)
        attempts = {span_id(run_id, step_id, number): number for number in range(1, step.attempt + 1)}
        found = await self._spans.choices(org_id, trace_id(run_id), list(attempts))
        if not found:
            raise NotFound(
                f"step {step_id} has no recorded choice: its node has no policy.route or pins its model, its answer "
                "came from the cache, or its spans are not stored yet; ask again in some seconds"
            )
        return [(attempts[parent], _CHOICE.decode(choice)) for parent, choice in found]

    async def tries(self, org_id: str, run_id: str, step_id: str) -> list[Tried]:
        """Return the requests that the step's routed calls led to, oldest first."""
        step = await self._step(org_id, run_id, step_id)
        attempts = {span_id(run_id, step_id, number): number for number in range(1, step.attempt + 1)}
        found = await self._spans.tries(org_id, trace_id(run_id), list(attempts))
        return [_tried(attempts[one.parent], one) for one in found]

    async def score(self, org_id: str, run_id: str, one: Score) -> list[Scored]:
        """Append what a score counts for, and return it. Raises ``InvalidInput``, and ``Conflict`` for no answer."""
        step = await self._step(org_id, run_id, one.step_id)
        attempt = one.attempt or step.attempt
        if not 1 <= attempt <= step.attempt:
            why = Problem("body.attempt", f"step {one.step_id} has {step.attempt} attempts", "name one of them")
            raise InvalidInput.of(why)
        run = await self._run(org_id, run_id)
        spec = await self._definitions.of(org_id, run)
        records = scored_records(Answered(org_id, run, step, attempt, spec), one, self._now())
        await self._appender.append([OutRecord(_TOPICS[type(r)], key_of(r).encode(), encode(r)) for r in records])
        return records

    async def _run(self, org_id: str, run_id: str) -> StoredRun:
        found = await self._history.get(org_id, run_id, most_children=0)
        if found is None:
            raise _no_run(run_id)
        return found[0]

    async def _step(self, org_id: str, run_id: str, step_id: str) -> StoredStep:
        step = await self._steps.one(org_id, run_id, step_id)
        if step is not None:
            return step
        if await self._history.status(org_id, run_id) is None:
            raise _no_run(run_id)
        raise NotFound(f"run {run_id} has no step {step_id}; see GET /api/v1/workflows/runs/{run_id}/steps")


def _tried(attempt: int, one: TrySpan) -> Tried:
    said = msgspec.json.decode(one.attributes)
    trial = said.get("agentflow.try", {})
    return Tried(
        attempt=attempt,
        call_id=said["agentflow.call.id"],
        route=one.route,
        status=one.status,
        latency_ms=one.latency_ms,
        error=one.error,
        cost_nano=one.cost_nano,
        kind=trial.get("kind", "first"),
        why=trial.get("why", ""),
        skipped=msgspec.convert(trial.get("skipped", []), tuple[Excluded, ...]),
    )


def key_of(record: Scored) -> str:
    """Return the key of a record of a score."""
    return record.rollout if isinstance(record, RunScored) else record.group


def _no_run(run_id: str) -> NotFound:
    return NotFound(f"there is no run {run_id} in history; see GET /api/v1/workflows/runs")
