"""Scores the live answers of runs that ended: once each, however often a process dies.

    lease ──> score ──> store ──> ask the judge ──> send ──> settle

A run stays due until it is settled. Who finds it again scores only answers that have no score, and sends the stored
scores of all: the same records, which change nothing where they were learned, unless a person scored in between. What a
judge still has is sent after its run, which is due as any other when it ends, see ``judging``.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec

from connectors.ports.engine import OutRecord
from connectors.postgres.history.runs import StoredRun, StoredStep
from connectors.postgres.live_scores import DueRun, LiveScore
from connectors.postgres.prompts.scoring import ScoringPolicy
from schemas.errors import InvalidInput, Rejected, Unavailable
from schemas.labels.mapped import Labels
from schemas.payload import Payload
from schemas.prompts.evaluations import Answered, Case, ScorerSpec
from schemas.records.base import Json
from schemas.records.run_events import Capture
from schemas.spec.model import ResolvedSpec
from services.prompts.evaluations.scorers.base import Mark
from services.prompts.evaluations.scorers.table import scorer_of
from services.prompts.from_runs.reading import read_run
from services.prompts.live.judging import Asked, is_judge, score_of
from services.prompts.live.picked import Picked, arm_scores, picked_of, route_scores, series_scores, shadow_of
from services.prompts.live.policy import JUDGE, OF_CONTENTS, judge_of
from services.prompts.live.ports import LivePorts
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
        if is_judge(run.workflow_name):
            return await self._score_judged(due, run, steps, policies)
        return await self._score_run(due, run, steps, policies)

    async def _score_judged(
        self, due: DueRun, run: StoredRun, steps: list[StoredStep], policies: Mapping[str, ScoringPolicy]
    ) -> bool:
        """Store what a judge said, and send the scores of the answer's run again, with this one."""
        ports = self._ports
        found = None if ports.judging is None else await ports.judging.judged(due.org_id, run, steps)
        if found is None or ports.judging is None:
            return True
        one, mark = found
        ports.count("failed" if mark.score is None else "scored")
        await ports.store.add(due.org_id, [score_of(one, mark)])
        await ports.judging.store.end(due.org_id, one, run.cost_nano)
        answered = await ports.history.get(due.org_id, one.run_id, step_outputs=True)
        if answered is None:
            return True
        return await self._score_run(DueRun(due.org_id, one.run_id), *answered, policies, judge=False)

    async def _score_run(
        self,
        due: DueRun,
        run: StoredRun,
        steps: list[StoredStep],
        policies: Mapping[str, ScoringPolicy],
        *,
        judge: bool = True,
    ) -> bool:
        ports = self._ports
        spec = await ports.definitions.of(due.org_id, run)
        if spec is None:
            ports.count("gone")
            return True
        picked = {one.call: one for one in picked_of(run, steps, spec, policies)}
        if not picked:
            return True
        shadows, missing = await self._shadows(due.org_id, picked.values(), spec)
        if judge and missing and ports.now_ms() - (run.finished_ms or 0) < SHADOWS_WAIT_MS:
            return False
        picked |= {one.call: one for one in shadows}
        known = {(one.call, one.scorer) for one in await ports.store.of_run(due.org_id, run.id)}
        scored = {call for call, _ in known}
        new = [score for one in picked.values() if one.call not in scored for score in await self._marks(due, one)]
        if new:
            await ports.store.add(due.org_id, new)
        if judge and (unjudged := await self._ask(due, run, steps, spec, picked.values(), known)):
            await ports.store.add(due.org_id, unjudged)
        await self._send(due.org_id, run, picked)
        return True

    async def _send(self, org_id: str, run: StoredRun, picked: Mapping[str, Picked]) -> None:
        """Send stored scores. An answer that a judge still has is no whole one yet."""
        ports = self._ports
        # What is stored counts, and not what was found here: somebody else may have been first.
        stored = await ports.store.of_run(org_id, run.id)
        waiting = frozenset[str]() if ports.judging is None else await ports.judging.store.waiting(org_id, run.id)
        whole = [one for one in stored if one.call not in waiting]
        out = [OutRecord(ROUTE_OUTCOMES, r.group.encode(), encode(r)) for r in route_scores(org_id, picked, whole)]
        out += [
            OutRecord(DEPLOYMENT_OUTCOMES, r.rollout.encode(), encode(r)) for r in arm_scores(org_id, picked, whole)
        ]
        series = series_scores(org_id, run, picked, stored)
        out += [OutRecord(QUALITY_SCORES, r.group.encode(), encode(r)) for r in series]
        if out:
            await ports.appender.append(out)

    async def _ask(
        self,
        due: DueRun,
        run: StoredRun,
        steps: Sequence[StoredStep],
        spec: ResolvedSpec,
        picked: Iterable[Picked],
        known: Collection[tuple[str, str]],
    ) -> list[LiveScore]:
        """Give answers to their prompts' judges; return the scores of those that are not judged, which have none."""
        judging, reading, unjudged = self._ports.judging, None, list[LiveScore]()
        for one in picked:
            judge, plan = judge_of(one.policy.scorers), one.policy.judge
            if judge is None or (one.call, judge.called) in known:
                continue
            score = _score_of(due, one, judge, Mark(score=None))
            if self._ports.capture != "full":
                self._ports.count("hidden")
                unjudged.append(replace(score, note=_hidden(self._ports.capture)))
                continue
            if judging is None or plan is None:
                continue
            output, problem = await self._output(due.org_id, one.step)
            if problem:
                unjudged.append(replace(score, note=problem))
                continue
            if reading is None:
                labels = None if run.security is None else Labels.read(run.security.get("inputs") or {})
                reading = await read_run(self._ports.objects, due.org_id, run, steps, spec, labels)
            asked = Asked(
                score=score, step=one.step, node=one.node, spec=judge, plan=plan, output=output, reading=reading
            )
            found = await judging.ask(due.org_id, asked)
            self._ports.count("asked" if found is None else "failed")
            unjudged += [] if found is None else [found]
        return unjudged

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
        reads = self._ports.capture == "full" and any(
            spec.kind in OF_CONTENTS and spec.kind != JUDGE for spec in one.policy.scorers
        )
        output, problem = await self._output(due.org_id, one.step) if reads else (None, "")
        found = []
        for spec in one.policy.scorers:
            if spec.kind == JUDGE:
                continue
            mark = await self._mark(spec, one, output, problem)
            found.append(_score_of(due, one, spec, mark))
        return found

    async def _mark(self, spec: ScorerSpec, one: Picked, output: Json, problem: str) -> Mark:
        of_contents = spec.kind in OF_CONTENTS
        if of_contents and self._ports.capture != "full":
            self._ports.count("hidden")
            return Mark(score=None, note=_hidden(self._ports.capture))
        mark = await _marked(spec, _answered(one, output, problem if of_contents else ""))
        self._ports.count("failed" if mark.score is None else "scored")
        return mark

    async def _output(self, org_id: str, step: StoredStep) -> tuple[Json, str]:
        """Return the output of a step, or why it is not there."""
        try:
            return await self._ports.objects.resolve(org_id, msgspec.convert(step.output, Payload)), ""
        except (Rejected, msgspec.ValidationError) as exc:
            return None, str(exc)


def _hidden(capture: Capture) -> str:
    return f"CAPTURE is {capture}: contents of answers are not scored"


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
