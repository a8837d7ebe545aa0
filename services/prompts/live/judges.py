"""How a live judge is set up, and how far it can be believed.

A judge of live answers is believed as far as the same judge was in an evaluation: the same rubric, pass grade, path and
model. People label what it said there (``evaluation label``), and the policy names that evaluation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from connectors.postgres.evaluations import Evaluations, StoredEvaluation
from connectors.postgres.prompts.judgements import Judgements
from connectors.postgres.prompts.scoring import JudgePlan, ScoringPolicy
from schemas.errors import InvalidInput, NotFound, Problem
from schemas.prompts.evaluations import JudgeResult, Report, ScorerSpec
from services.prompts.evaluations.registering import Registering
from services.prompts.evaluations.results import EvaluationResults
from services.prompts.evaluations.scorers.llm_judge import JudgeOptions
from services.prompts.evaluations.scorers.table import is_pair_judge, options_of
from services.prompts.live.judging import judge_document, judge_workflow
from services.prompts.live.policy import JUDGE, judge_of

_PATH = "body.judge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a judge may spend, in nano-dollars, and the evaluation that calibrates it."""

    day_nano: int
    call_nano: int
    calibration: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeState:
    """A policy's judge: what it has spent in 24 hours, and how it agreed with people; ``None`` without labels."""

    plan: JudgePlan
    scorer: str
    spent_nano: int
    result: JudgeResult | None

    @property
    def is_calibrated(self) -> bool:
        """Whether enough people have labelled what it said."""
        return self.result is not None and self.result.calibrated


class LiveJudges:
    """Sets judges up. Every method raises ``Unavailable``."""

    def __init__(
        self, registering: Registering, evaluations: Evaluations, results: EvaluationResults, judgements: Judgements
    ) -> None:
        self._registering = registering
        self._evaluations = evaluations
        self._results = results
        self._judgements = judgements

    async def plan(
        self, org_id: str, prompt: str, scorers: list[ScorerSpec], wanted: Wanted | None, project: str | None
    ) -> JudgePlan | None:
        """Return how a policy's judge is asked, with its workflow registered; ``None`` where no scorer is a judge.

        Raises ``InvalidInput`` for a judge without money or money without a judge, and for an evaluation of another
        judge.
        """
        judge = judge_of(scorers)
        if judge is None or wanted is None:
            _check(judge, wanted)
            return None
        if not 0 < wanted.call_nano <= wanted.day_nano:
            fix = "write an amount over 0, and at most that of a day"
            raise InvalidInput.of(Problem(f"{_PATH}.cents_per_call", "is no part of the day's budget", fix))
        if wanted.calibration is not None:
            await self._same(org_id, prompt, judge, wanted.calibration)
        options: JudgeOptions = options_of(judge)
        document = partial(judge_document, prompt, options)
        version = await self._registering.version(org_id, judge_workflow(prompt), document, project)
        return JudgePlan(
            workflow_version=version,
            day_nano=wanted.day_nano,
            call_nano=wanted.call_nano,
            calibration=wanted.calibration or "",
        )

    async def state(self, org_id: str, policy: ScoringPolicy) -> JudgeState | None:
        """Return the state of a policy's judge, ``None`` where it has none."""
        judge = judge_of(policy.scorers)
        if judge is None or policy.judge is None:
            return None
        return JudgeState(
            plan=policy.judge,
            scorer=judge.called,
            spent_nano=await self._judgements.spent(org_id, policy.name),
            result=await self._result(org_id, policy.name, judge, policy.judge.calibration),
        )

    async def _result(self, org_id: str, prompt: str, judge: ScorerSpec, evaluation: str) -> JudgeResult | None:
        if not evaluation:
            return None
        try:
            one, same = await self._same(org_id, prompt, judge, evaluation)
        except InvalidInput:
            return None
        one = await self._results.with_report(org_id, one, await self._results.status(org_id, one))
        if one.report is None:
            return None
        report = msgspec.convert(one.report, Report)
        return next((found for found in report.judges if found.scorer == same), None)

    async def _same(self, org_id: str, prompt: str, judge: ScorerSpec, evaluation: str) -> tuple[StoredEvaluation, str]:
        """Return an evaluation of a prompt, and the name of the same judge in it. Raises ``InvalidInput``."""
        path = f"{_PATH}.calibration"
        try:
            one = await self._evaluations.get(org_id, evaluation)
        except NotFound as exc:
            raise InvalidInput.of(Problem(path, f"there is no evaluation {evaluation}", "name one that ended")) from exc
        specs = msgspec.convert(one.definition["scorers"], list[ScorerSpec])
        for spec in specs if one.prompt == prompt else ():
            if spec.kind == JUDGE and not is_pair_judge(spec) and _asks(spec, one.definition) == _asks(judge, {}):
                return one, spec.called
        said = f"evaluation {evaluation} has no judge of {prompt} with this rubric, pass_grade, path and model"
        raise InvalidInput.of(Problem(path, said, "evaluate the prompt with the same judge, and label what it said"))


def _asks(spec: ScorerSpec, definition: Mapping[str, Any]) -> tuple[object, ...]:
    """Return what makes a judge the same: what it is asked, and of whom."""
    options: JudgeOptions = options_of(spec)
    pinned = (options.provider, options.model)
    model = pinned if any(pinned) else (definition.get("provider") or "", definition.get("model") or "")
    return (options.rubric.strip(), options.pass_grade, options.path, *model)


def _check(judge: ScorerSpec | None, wanted: Wanted | None) -> None:
    if judge is not None:
        fix = 'write {"judge": {"cents_per_day": 50, "cents_per_call": 1}}'
        raise InvalidInput.of(Problem(_PATH, "is missing, and a judge spends only what it is given", fix))
    if wanted is not None:
        raise InvalidInput.of(Problem(_PATH, "is there, and no scorer is a judge", "add llm_judge, or leave it out"))
