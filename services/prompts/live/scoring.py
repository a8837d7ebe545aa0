"""Scores the live answers of runs that ended: once each, however often a process dies.

    lease ──> score ──> store ──> send ──> settle

A run stays due until it is settled. Who finds it again scores only answers that have no score, and sends the stored
scores of all: the same records, which change nothing where they were learned, unless a person scored in between.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from connectors.kafka.deadline_appender import Appender
from connectors.objects.store import Objects
from connectors.ports.engine import OutRecord
from connectors.postgres.history.runs import StoredRun, StoredStep
from connectors.postgres.live_scores import DueRun, LiveScore
from connectors.postgres.prompts.scoring import ScoringPolicy
from connectors.redis.shadow_answers import ShadowAnswer
from schemas import clock
from schemas.errors import InvalidInput, Rejected, Unavailable
from schemas.payload import Payload
from schemas.prompts.evaluations import Answered, Case, ScorerSpec
from schemas.records.base import Json
from schemas.records.run_events import Capture
from schemas.spec.model import ResolvedSpec
from services.prompts.evaluations.scorers.base import Mark
from services.prompts.evaluations.scorers.table import scorer_of
from services.prompts.live.picked import Picked, arm_scores, picked_of, route_scores, series_scores, shadow_of
from services.prompts.live.policy import OF_CONTENTS
from topics.catalogue import DEPLOYMENT_OUTCOMES, QUALITY_SCORES, ROUTE_OUTCOMES
from topics.codec import encode

log = logging.getLogger(__name__)

#: A shadow is called when the shown answer is there, and its run may end before it.
SHADOWS_WAIT_MS = 60_000
#: One that dies with a run delays its scores by this.
LEASE_S = 60.0
BATCH = 50
#: Runs that are scored at the same time: each waits for PostgreSQL some times, and for the broker once.
AT_ONCE = 4


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


class ShadowSource(Protocol):
    """Where answers of shadows are, see ``connectors.redis.shadow_answers``."""

    async def find(self, org_id: str, request_id: str) -> ShadowAnswer | None:
        """Return the answer of an attempt, ``None`` if it is not there. Raises ``Unavailable``."""
        ...


class Counted(Protocol):
    """Counts what became of answers and scorers."""

    def __call__(self, outcome: str) -> None:
        """Count one: ``scored``, ``failed``, ``hidden`` (by ``CAPTURE``), ``gone`` (a run or its definition)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePorts:
    """What live scoring asks and writes.

    ``capture`` is that of the installation. ``shadows`` has answers that were shown to nobody.
    """

    policies: Policies
    store: Store
    history: History
    definitions: Definitions
    objects: Objects
    appender: Appender
    count: Counted
    capture: Capture = "full"
    shadows: ShadowSource | None = None
    now_ms: Callable[[], int] = clock.now_ms


class LiveScoring:
    """Scores answers of runs that are due. ``work`` raises ``Unavailable``; nothing is lost by that."""

    def __init__(self, ports: LivePorts) -> None:
        self._ports = ports

    async def work(self) -> int:
        """Score the answers of some runs that are due; return how many runs."""
        leased = await self._ports.store.lease(LEASE_S, BATCH)
        for first in range(0, len(leased), AT_ONCE):
            some = leased[first : first + AT_ONCE]
            # All of them end before the first failure is raised: no task is left behind.
            for ended in await asyncio.gather(*map(self._serve, some), return_exceptions=True):
                if ended is not None:
                    raise ended
        return len(leased)

    async def _serve(self, due: DueRun) -> None:
        try:
            if not await self._score(due):
                return  # it stays due, and is found again after its lease
        except Unavailable:
            raise
        except Exception as exc:
            # One run that cannot be read must not hold up all others, so it is settled as well.
            log.warning("the answers of %s cannot be scored", due.run_id, exc_info=exc, extra={"action": "live_score"})
            self._ports.count("gone")
        await self._ports.store.settle(due)

    async def _score(self, due: DueRun) -> bool:
        """Score the answers of a run; return false while one of its shadows may still answer."""
        ports = self._ports
        policies = await ports.policies.of_org(due.org_id)
        found = await ports.history.get(due.org_id, due.run_id, step_outputs=True) if policies else None
        if found is None:
            return True
        run, steps = found
        if run.subject:
            return True
        spec = await ports.definitions.of(due.org_id, run)
        if spec is None:
            ports.count("gone")
            return True
        picked = {one.call: one for one in picked_of(run, steps, spec, policies)}
        if not picked:
            return True
        shadows, missing = await self._shadows(due.org_id, picked.values(), spec)
        if missing and ports.now_ms() - (run.finished_ms or 0) < SHADOWS_WAIT_MS:
            return False
        picked |= {one.call: one for one in shadows}
        known = {one.call for one in await ports.store.of_run(due.org_id, run.id)}
        new = [score for one in picked.values() if one.call not in known for score in await self._marks(due, one)]
        if new:
            await ports.store.add(due.org_id, new)
        # What is stored counts, and not what was found here: somebody else may have been first.
        stored = await ports.store.of_run(due.org_id, run.id)
        out = [OutRecord(ROUTE_OUTCOMES, r.group.encode(), encode(r)) for r in route_scores(due.org_id, picked, stored)]
        out += [
            OutRecord(DEPLOYMENT_OUTCOMES, r.rollout.encode(), encode(r))
            for r in arm_scores(due.org_id, picked, stored)
        ]
        series = series_scores(due.org_id, run, picked, stored)
        out += [OutRecord(QUALITY_SCORES, r.group.encode(), encode(r)) for r in series]
        if out:
            await ports.appender.append(out)
        return True

    async def _shadows(self, org_id: str, picked: Iterable[Picked], spec: ResolvedSpec) -> tuple[list[Picked], int]:
        """Return the shadows of answers, and how many answers have none yet."""
        found, missing = [], 0
        for one in picked:
            if self._ports.shadows is None or one.arm is None or not one.arm.shadow or one.step.attempt > 1:
                continue
            answer = await self._ports.shadows.find(org_id, one.call)
            if answer is None:
                missing += 1
            else:
                found.append(shadow_of(one, answer, spec))
        return found, missing

    async def _marks(self, due: DueRun, one: Picked) -> list[LiveScore]:
        reads = self._ports.capture == "full" and any(spec.kind in OF_CONTENTS for spec in one.policy.scorers)
        output, problem = await self._output(due.org_id, one.step) if reads else (None, "")
        found = []
        for spec in one.policy.scorers:
            mark = await self._mark(spec, one, output, problem)
            found.append(_score_of(due, one, spec, mark))
        return found

    async def _mark(self, spec: ScorerSpec, one: Picked, output: Json, problem: str) -> Mark:
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


def _answered(one: Picked, output: Json, error: str) -> Answered:
    step = one.step
    took = 0 if step.started_ms is None or step.finished_ms is None else max(0, step.finished_ms - step.started_ms)
    return Answered(case_id=one.call, output=output, cost_nano=step.cost_nano, latency_ms=took, error=error)


async def _marked(spec: ScorerSpec, answered: Answered) -> Mark:
    try:
        scorer = scorer_of(spec)
    except InvalidInput as exc:
        return Mark(score=None, note=str(exc))
    return await scorer(Case(id=answered.case_id), answered)


def _score_of(due: DueRun, one: Picked, spec: ScorerSpec, mark: Mark) -> LiveScore:
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
