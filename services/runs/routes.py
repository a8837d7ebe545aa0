"""The routes of a run's calls: why each was chosen, and scores of the answers that they gave."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from connectors.kafka.deadline_appender import Appender
from connectors.ports.engine import OutRecord
from connectors.postgres.history.run_steps import RunSteps
from connectors.postgres.history.runs import Runs, StoredRun, StoredStep
from schemas.clock import now_ms
from schemas.errors import Conflict, InvalidInput, NotFound, Problem
from schemas.ids import request_id, span_id, trace_id
from schemas.records.routes import RouteScored
from schemas.spec.loops import every_node
from schemas.spec.model import AgentNode, LlmNode, ResolvedSpec
from services.routing.choice import Choice, Excluded
from services.workflows.of_run import RunDefinitions
from topics.catalogue import ROUTE_OUTCOMES
from topics.codec import encode

_CHOICE = msgspec.json.Decoder(Choice)


class ChoiceSpans(Protocol):
    """Where choices are read, see ``connectors.clickhouse.route_spans``."""

    async def choices(self, org_id: str, trace_id: str, parents: Sequence[str]) -> list[tuple[str, str]]:
        """Return parent spans and choices as JSON, oldest first. Raises ``Unavailable``."""
        ...

    async def tries(self, org_id: str, trace_id: str, parents: Sequence[str]) -> list[tuple[str, str, str, float]]:
        """Return parent spans, attributes as JSON, statuses and latencies of requests. Raises ``Unavailable``."""
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


@dataclass(frozen=True)
class Score:
    """A score of a step's answer, 0 to 1. ``attempt`` is the last one if it is not given."""

    step_id: str
    score: float
    name: str = ""
    attempt: int | None = None


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
        return [_tried(attempts[parent], attributes, status, ms) for parent, attributes, status, ms in found]

    async def score(self, org_id: str, run_id: str, one: Score) -> RouteScored:
        """Append a score and return it. Raises ``InvalidInput``, and ``Conflict`` for a node that does not learn."""
        step = await self._step(org_id, run_id, one.step_id)
        attempt = one.attempt or step.attempt
        if not 1 <= attempt <= step.attempt:
            why = Problem("body.attempt", f"step {one.step_id} has {step.attempt} attempts", "name one of them")
            raise InvalidInput(str(why), (why,))
        run = await self._run(org_id, run_id)
        record = self._record(org_id, run, step, one, attempt, await self._definitions.of(org_id, run))
        await self._appender.append([OutRecord(ROUTE_OUTCOMES, record.group.encode(), encode(record))])
        return record

    def _record(
        self, org_id: str, run: StoredRun, step: StoredStep, one: Score, attempt: int, spec: ResolvedSpec | None
    ) -> RouteScored:
        node = (
            None if spec is None else next((n for n in every_node(spec.spec.dag.nodes) if n.id == step.node_id), None)
        )
        if spec is None or not isinstance(node, LlmNode | AgentNode) or not learns(node):
            raise Conflict(f"node {step.node_id} learns no routes: give it policy.route: learn, and pin no model")
        return RouteScored(
            org_id=org_id,
            prompt=spec.prompts[node.config.prompt_ref].name,
            tier=node.policy.quality,
            decision_id=request_id(run.id, step.step_id, attempt),
            run_id=run.id,
            step_id=step.step_id,
            score=one.score,
            name=one.name,
            scored_at_ms=self._now(),
        )

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


def _tried(attempt: int, attributes: str, status: str, latency_ms: float) -> Tried:
    said = msgspec.json.decode(attributes)
    trial = said.get("agentflow.try", {})
    return Tried(
        attempt=attempt,
        call_id=said["agentflow.call.id"],
        route=f"{said['gen_ai.provider.name']}/{said['gen_ai.request.model']}",
        status=status,
        latency_ms=latency_ms,
        error=said.get("error.type", ""),
        cost_nano=said.get("agentflow.call.cost_nano", 0),
        kind=trial.get("kind", "first"),
        why=trial.get("why", ""),
        skipped=msgspec.convert(trial.get("skipped", []), tuple[Excluded, ...]),
    )


def learns(node: LlmNode | AgentNode) -> bool:
    """Return whether scores of a node's answers teach its routes."""
    # A prompt that names a model changes nothing of a node whose policy chooses it.
    route, config = node.policy.route, node.config
    return route is not None and route.by == "learn" and config.provider is None and config.model is None


def _no_run(run_id: str) -> NotFound:
    return NotFound(f"there is no run {run_id} in history; see GET /api/v1/workflows/runs")
