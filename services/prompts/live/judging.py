"""Live judges: an answer of production is graded by a model, in a run of this platform.

    hold ──> submit ──> (the judge's run) ──> grade ──> end

1. Money is held for the judge's run: the most that it may cost. Without room in the prompt's budget of a day the answer
   gets no grade.
2. The run is submitted under an id that follows from the answer. So a process that dies after 1 is followed by one that
   submits the same run: each answer is judged once.
3. The run ends as any other, and is due for scoring as any other: then its reply is the grade.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec

from connectors.objects.store import Objects
from connectors.postgres.history.runs import StoredRun, StoredStep
from connectors.postgres.live_scores import LiveScore
from connectors.postgres.prompts.judgements import Judgement
from connectors.postgres.prompts.scoring import JudgePlan
from schemas import money
from schemas.api_models.runs import SubmitRun
from schemas.errors import Rejected, SubmissionConflict
from schemas.ids import content_hash, run_id
from schemas.labels.label import TRUSTED
from schemas.labels.mapped import Labels
from schemas.labels.paths import ROOT
from schemas.payload import Payload
from schemas.prompts.evaluations import Case, ScorerSpec
from schemas.records.base import Json
from schemas.records.run_events import RunSubmitted
from schemas.spec.model import LlmNode
from services.prompts.evaluations.scorers.base import CannotScore, Mark, WrongShape, part_of
from services.prompts.evaluations.scorers.llm_judge import JudgeOptions, grade_question, read_grade
from services.prompts.evaluations.scorers.table import options_of
from services.prompts.from_runs.reading import RunReading, labels_of_output

#: Of the submissions of judges' runs.
SOURCE = "live-judges"
#: The tag of a judge's run: the answer that it judges.
TAG = "live_judge"
NODE = "judge"
DEADLINE_MS = 10 * 60_000
#: Of one reply, where the options name none: a sentence and a grade.
REPLY_TOKENS = 300
OVER_BUDGET = "the judge's budget of a day is spent"
_PREFIX = "live-judge."
_NAME_CHARS = 112
_MOST_NOTE = 500


class JudgementStore(Protocol):
    """Where judgements are, see ``connectors.postgres.prompts.judgements``. All raise ``Unavailable``."""

    async def hold(self, org_id: str, one: Judgement, day_nano: int) -> Judgement | None:
        """Return the judgement of an answer, made now if it is new; ``None`` without room for it."""
        ...

    async def of_judge(self, org_id: str, judge_run_id: str) -> Judgement | None:
        """Return what a run judges."""
        ...

    async def end(self, org_id: str, one: Judgement, cost_nano: int) -> None:
        """Note that a judge's run has ended."""
        ...

    async def waiting(self, org_id: str, run_id: str) -> frozenset[str]:
        """Return the answers of a run that a judge still has."""
        ...


class Submitting(Protocol):
    """Submits runs, see ``services.runs.submit``."""

    async def prepare(
        self, org_id: str, source: str, submission_id: str | None, body: SubmitRun, /, *, labels: Labels | None = None
    ) -> RunSubmitted:
        """Return the record of a submission. Raises ``Rejected`` and ``Unavailable``."""
        ...

    async def submit(self, record: RunSubmitted, /) -> Any:
        """Put a submission into the log. Raises ``SubmissionConflict`` and ``Unavailable``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An answer to judge: the step that gave it, by what, and the run as it is read. ``score`` names it."""

    score: LiveScore
    step: StoredStep
    node: LlmNode
    spec: ScorerSpec
    plan: JudgePlan
    output: Json
    reading: RunReading


class Judging:
    """Asks judges, and reads what they said. Every method raises ``Unavailable``."""

    def __init__(self, store: JudgementStore, submissions: Submitting, objects: Objects) -> None:
        self.store = store
        self._submissions = submissions
        self._objects = objects

    async def ask(self, org_id: str, asked: Asked) -> LiveScore | None:
        """Submit the judge's run of an answer; return the score of one that is not judged, which has none."""
        submission = f"{asked.score.call}:{asked.score.scorer}"
        one = _judgement(asked, run_id(org_id, SOURCE, submission))
        try:
            question = _question(asked)
        except (CannotScore, WrongShape, LookupError) as exc:
            return _without(asked.score, str(exc))
        held = await self.store.hold(org_id, one, asked.plan.day_nano)
        if held is None:
            return _without(asked.score, OVER_BUDGET)
        if held.has_ended:
            return None
        body = SubmitRun(
            workflow_name=judge_workflow(one.prompt),
            workflow_version=asked.plan.workflow_version,
            inputs={"question": question},
            tags={TAG: one.call},
            budget_cents=money.cents(asked.plan.call_nano),
            deadline_ms=DEADLINE_MS,
        )
        try:
            record = await self._submissions.prepare(org_id, SOURCE, submission, body, labels=_labels(asked))
            await self._submissions.submit(record)
        except SubmissionConflict:
            # The policy was changed in between; the question of before is asked.
            return None
        except Rejected as exc:
            await self.store.end(org_id, held, 0)
            return _without(asked.score, str(exc))
        return None

    async def judged(self, org_id: str, run: StoredRun, steps: Sequence[StoredStep]) -> tuple[Judgement, Mark] | None:
        """Return what a run that ended has judged, and its mark; ``None`` for a run that judges nothing."""
        one = await self.store.of_judge(org_id, run.id)
        return None if one is None else (one, await self._mark(org_id, run, steps))

    async def _mark(self, org_id: str, run: StoredRun, steps: Sequence[StoredStep]) -> Mark:
        step = next((step for step in steps if step.step_id == NODE and step.output is not None), None)
        if run.status != "succeeded" or step is None:
            error = run.error or {"code": run.status, "message": "it gave no reply"}
            return Mark(score=None, note=f"the judge's run {run.id} {error['code']}: {error['message']}"[:_MOST_NOTE])
        try:
            return read_grade(await self._objects.resolve(org_id, msgspec.convert(step.output, Payload)))
        except (Rejected, CannotScore, msgspec.ValidationError) as exc:
            return Mark(score=None, note=str(exc)[:_MOST_NOTE])


def judge_workflow(prompt: str) -> str:
    """Return the name of the workflow that judges the live answers of a prompt."""
    name = f"{_PREFIX}{prompt}"
    return name if len(name) <= _NAME_CHARS else f"{name[: _NAME_CHARS - 13]}-{content_hash(prompt.encode())[:12]}"


def is_judge(workflow: str) -> bool:
    """Return whether runs of a workflow judge: their own answers are scored by nobody."""
    return workflow.startswith(_PREFIX)


def judge_document(prompt: str, options: JudgeOptions, version: int) -> dict[str, Any]:
    """Return the workflow of a judge as a document: one question, never from the cache."""
    pinned = {name: value for name, value in (("provider", options.provider), ("model", options.model)) if value}
    config = {
        "prompt": "{{question}}",
        "cache": {"enabled": False},
        "max_tokens": options.max_tokens or REPLY_TOKENS,
        **pinned,
    }
    return {
        "name": judge_workflow(prompt),
        "version": version,
        "description": f"Judges live answers of the prompt {prompt}; made by PUT /api/v1/prompts/{prompt}/scoring",
        "dag": {"nodes": [{"id": NODE, "type": "llm", "config": config, "policy": {"quality": "silver"}}], "edges": []},
    }


def _question(asked: Asked) -> str:
    """Return what the judge is asked. Raises ``LookupError`` where history lacks what the prompt was given."""
    options: JudgeOptions = options_of(asked.spec)
    case = asked.reading.case(asked.step, asked.node, expected=False, iterations="all")
    output = part_of(asked.output, options.path)
    return grade_question(options, Case(id=asked.score.call, inputs=case.inputs), output)


def _labels(asked: Asked) -> Labels | None:
    """Return the labels of the question: of all that stands in it."""
    case = asked.reading.case(asked.step, asked.node, expected=False, iterations="all")
    if not case.labels:
        return None
    whole = Labels.read(case.labels).whole.join(labels_of_output(asked.step).whole)
    return Labels({ROOT: TRUSTED, ("question",): whole})


def _judgement(asked: Asked, judge_run_id: str) -> Judgement:
    score = asked.score
    return Judgement(
        prompt=score.prompt,
        version=score.version,
        project=score.project,
        call=score.call,
        run_id=score.run_id,
        step_id=score.step_id,
        attempt=score.attempt,
        scorer=score.scorer,
        weight=score.weight,
        judge_run_id=judge_run_id,
        nano=asked.plan.call_nano,
    )


def score_of(one: Judgement, mark: Mark) -> LiveScore:
    """Return what a judge said as the score of the answer."""
    return LiveScore(
        prompt=one.prompt,
        version=one.version,
        project=one.project,
        call=one.call,
        run_id=one.run_id,
        step_id=one.step_id,
        attempt=one.attempt,
        scorer=one.scorer,
        weight=one.weight,
        score=mark.score,
        note=mark.note,
    )


def _without(score: LiveScore, note: str) -> LiveScore:
    return replace(score, score=None, note=note[:_MOST_NOTE])
