"""Scores the live answers of runs that ended: once each, however often a process dies.

    lease ──> score ──> store ──> send ──> settle

A run stays due until it is settled. Who finds it again scores only answers that have no score, and sends the stored
scores of all: the same records, which change nothing where they were learned, unless a person scored in between.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from connectors.kafka.deadline_appender import Appender
from connectors.objects.store import Objects
from connectors.ports.engine import OutRecord
from connectors.postgres.history.runs import StoredRun, StoredStep
from connectors.postgres.live_scores import DueRun, LiveScore
from connectors.postgres.prompts.scoring import ScoringPolicy
from schemas.budgets import PROJECT_TAG
from schemas.errors import InvalidInput, Rejected, Unavailable
from schemas.ids import request_id
from schemas.payload import Payload
from schemas.prompts.evaluations import Answered, Case, ScorerSpec
from schemas.records.base import Json
from schemas.records.routes import RouteScored
from schemas.records.run_events import Capture
from schemas.spec.loops import every_node
from schemas.spec.model import LlmNode, PinnedPrompt, ResolvedSpec
from services.prompts.evaluations.from_runs import is_answer
from services.prompts.evaluations.scorers.base import Mark
from services.prompts.evaluations.scorers.table import scorer_of
from services.prompts.evaluations.workflow import workflow_name
from services.prompts.live.policy import OF_CONTENTS, is_sampled
from services.runs.routes import learns
from topics.catalogue import ROUTE_OUTCOMES
from topics.codec import encode

log = logging.getLogger(__name__)

#: One that dies with a run delays its scores by this.
LEASE_S = 60.0
BATCH = 50
#: The name of the scores on ``route-outcomes``.
NAME = "live"


class Policies(Protocol):
    """Where policies are, see ``connectors.postgres.prompts.scoring``."""

    async def of_org(self, org_id: str) -> Mapping[str, ScoringPolicy]:
        """Return the policies of an organisation, by prompt. Raises ``Unavailable``."""
        ...


class Store(Protocol):
    """Where runs are due and scores are stored, see ``connectors.postgres.live_scores``. All raise ``Unavailable``."""

    async def lease(self, lease_s: float, limit: int) -> Sequence[DueRun]:
        """Return runs that are due, and nobody else has."""
        ...

    async def add(self, org_id: str, scores: Sequence[LiveScore]) -> None:
        """Store scores. One that is there stays as it is."""
        ...

    async def of_run(self, org_id: str, run_id: str) -> Sequence[LiveScore]:
        """Return the scores of a run's answers."""
        ...

    async def settle(self, due: DueRun) -> None:
        """Let a run be due no more."""
        ...


class History(Protocol):
    """Where runs are, see ``connectors.postgres.history.runs``."""

    async def get(
        self, org_id: str, run_id: str, *, step_outputs: bool = False
    ) -> tuple[StoredRun, list[StoredStep]] | None:
        """Return a run and its steps, ``None`` for an unknown one. Raises ``Unavailable``."""
        ...


class Definitions(Protocol):
    """Where definitions are, see ``services.workflows.of_run``."""

    async def of(self, org_id: str, run: StoredRun) -> ResolvedSpec | None:
        """Return the definition of a run, ``None`` where it is gone. Raises ``Unavailable``."""
        ...


class Counted(Protocol):
    """Counts what became of answers and scorers."""

    def __call__(self, outcome: str) -> None:
        """Count one: ``scored``, ``failed``, ``hidden`` (by ``CAPTURE``), ``gone`` (a run or its definition)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePorts:
    """What live scoring asks and writes. ``capture`` is that of the installation."""

    policies: Policies
    store: Store
    history: History
    definitions: Definitions
    objects: Objects
    appender: Appender
    count: Counted
    capture: Capture = "full"


@dataclass(frozen=True, slots=True)
class _Picked:
    step: StoredStep
    node: LlmNode
    prompt: PinnedPrompt
    policy: ScoringPolicy
    call: str
    project: str | None


class LiveScoring:
    """Scores answers of runs that are due. ``work`` raises ``Unavailable``; nothing is lost by that."""

    def __init__(self, ports: LivePorts) -> None:
        self._ports = ports

    async def work(self) -> int:
        """Score the answers of some runs that are due; return how many runs."""
        leased = await self._ports.store.lease(LEASE_S, BATCH)
        for due in leased:
            await self._serve(due)
        return len(leased)

    async def _serve(self, due: DueRun) -> None:
        try:
            await self._score(due)
        except Unavailable:
            raise
        except Exception as exc:
            # One run that cannot be read must not hold up all others, so it is settled as well.
            log.warning("the answers of %s cannot be scored", due.run_id, exc_info=exc, extra={"action": "live_score"})
            self._ports.count("gone")
        await self._ports.store.settle(due)

    async def _score(self, due: DueRun) -> None:
        ports = self._ports
        policies = await ports.policies.of_org(due.org_id)
        found = await ports.history.get(due.org_id, due.run_id, step_outputs=True) if policies else None
        if found is None:
            return
        run, steps = found
        spec = await ports.definitions.of(due.org_id, run)
        if spec is None:
            ports.count("gone")
            return
        picked = {one.call: one for one in _picked(run, steps, spec, policies)}
        if not picked:
            return
        known = {one.call for one in await ports.store.of_run(due.org_id, run.id)}
        new = [score for one in picked.values() if one.call not in known for score in await self._marks(due, one)]
        if new:
            await ports.store.add(due.org_id, new)
        # What is stored counts, and not what was found here: somebody else may have been first.
        records = list(_records(due.org_id, picked, await ports.store.of_run(due.org_id, run.id)))
        if records:
            await ports.appender.append([OutRecord(ROUTE_OUTCOMES, r.group.encode(), encode(r)) for r in records])

    async def _marks(self, due: DueRun, one: _Picked) -> list[LiveScore]:
        reads = self._ports.capture == "full" and any(spec.kind in OF_CONTENTS for spec in one.policy.scorers)
        output, problem = await self._output(due.org_id, one.step) if reads else (None, "")
        found = []
        for spec in one.policy.scorers:
            mark = await self._mark(spec, one, output, problem)
            found.append(_score_of(due, one, spec, mark))
        return found

    async def _mark(self, spec: ScorerSpec, one: _Picked, output: Json, problem: str) -> Mark:
        of_contents = spec.kind in OF_CONTENTS
        if of_contents and self._ports.capture != "full":
            self._ports.count("hidden")
            return Mark(score=None, note=f"CAPTURE is {self._ports.capture}: contents of answers are not scored")
        mark = await _marked(spec, _answered(one, output, problem if of_contents else ""))
        self._ports.count("failed" if mark.score is None else "scored")
        return mark

    async def _output(self, org_id: str, step: StoredStep) -> tuple[Json, str]:
        """Return the output of a step, or why it is not there."""
        try:
            return await self._ports.objects.resolve(org_id, msgspec.convert(step.output, Payload)), ""
        except (Rejected, msgspec.ValidationError) as exc:
            return None, str(exc)


def _picked(
    run: StoredRun, steps: Sequence[StoredStep], spec: ResolvedSpec, policies: Mapping[str, ScoringPolicy]
) -> Iterator[_Picked]:
    """Yield the answers that are scored. One of a cache, of another run or of an evaluation is none of production."""
    nodes = {node.id: node for node in every_node(spec.spec.dag.nodes) if isinstance(node, LlmNode)}
    for step in steps:
        node = nodes.get(step.node_id)
        if node is None or not is_answer(step) or step.cached or step.reused_from is not None:
            continue
        prompt, call = spec.prompts[node.config.prompt_ref], request_id(run.id, step.step_id, step.attempt)
        policy = policies.get(prompt.name)
        if policy is None or not policy.covers(prompt.version) or run.workflow_name == workflow_name(prompt.name):
            continue
        if is_sampled(prompt.name, call, policy.sample):
            yield _Picked(step, node, prompt, policy, call, run.tags.get(PROJECT_TAG))


def _answered(one: _Picked, output: Json, error: str) -> Answered:
    step = one.step
    took = 0 if step.started_ms is None or step.finished_ms is None else max(0, step.finished_ms - step.started_ms)
    return Answered(case_id=one.call, output=output, cost_nano=step.cost_nano, latency_ms=took, error=error)


async def _marked(spec: ScorerSpec, answered: Answered) -> Mark:
    try:
        scorer = scorer_of(spec)
    except InvalidInput as exc:
        return Mark(score=None, note=str(exc))
    return await scorer(Case(id=answered.case_id), answered)


def _score_of(due: DueRun, one: _Picked, spec: ScorerSpec, mark: Mark) -> LiveScore:
    return LiveScore(
        prompt=one.prompt.name,
        version=one.prompt.version,
        project=one.project,
        call=one.call,
        run_id=due.run_id,
        step_id=one.step.step_id,
        attempt=one.step.attempt,
        scorer=spec.called,
        weight=spec.weight,
        score=mark.score,
        note=mark.note,
    )


def _records(org_id: str, picked: Mapping[str, _Picked], stored: Sequence[LiveScore]) -> Iterator[RouteScored]:
    """Yield the scores of answers whose nodes learn routes: made of stored values alone, so the same ones each time."""
    by_call: dict[str, list[LiveScore]] = {}
    for score in stored:
        by_call.setdefault(score.call, []).append(score)
    for call, scores in by_call.items():
        one, total = picked.get(call), total_of(scores)
        if one is None or total is None or not learns(one.node):
            continue
        common: dict[str, Any] = {"org_id": org_id, "prompt": one.prompt.name, "tier": one.node.policy.quality}
        yield RouteScored(
            **common,
            decision_id=call,
            run_id=scores[0].run_id,
            step_id=one.step.step_id,
            score=total,
            name=NAME,
            scored_at_ms=max(score.scored_ms for score in scores),
        )


def total_of(scores: Sequence[LiveScore]) -> float | None:
    """Return the score of an answer: the mean of its scorers, by weight; ``None`` if one with a weight failed."""
    weighed = [one for one in scores if one.weight > 0]
    found = [(one.score, one.weight) for one in weighed if one.score is not None]
    if not found or len(found) < len(weighed):
        return None
    return min(1.0, sum(score * weight for score, weight in found) / sum(weight for _, weight in found))
