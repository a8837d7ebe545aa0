"""Evaluations of prompts: what is asked, how far it is, and its report."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from schemas.api_models.base import Answer, Cents, Request, TagValue, Text
from schemas.api_models.prompts.versions import Version
from schemas.prompts.evaluations import MAX_SCORERS, ScorerKind, Verdict
from schemas.prompts.refs import LABEL_PATTERN, PROMPT_VERSION_PATTERN
from schemas.run_states import RunState
from schemas.spec.model import NAME_PATTERN
from schemas.spec.policy import DEFAULT_TIER, Tier

MAX_REPEATS = 20
Which = Version | Annotated[str, Field(pattern=LABEL_PATTERN)]
"""A version by its number, or by a label such as ``production``."""


class Scorer(Request):
    """A scorer of answers. ``name`` is its kind where it is empty, and no other scorer of the evaluation has it.

    ``weight`` is its share in the score of an answer; one with 0 is shown only. ``options`` depend on the kind.
    """

    kind: ScorerKind
    name: Text = Field(default="", max_length=64)
    weight: float = Field(default=1.0, ge=0, le=1_000_000, allow_inf_nan=False)
    options: dict[str, Any] = Field(default={}, max_length=32)

    @property
    def called(self) -> str:
        """The name, or the kind of a scorer without one."""
        return self.name or self.kind


class CreateEvaluation(Request):
    """An evaluation to run: a version of a prompt, by the cases of a dataset.

    Without ``version`` it is the newest. ``against`` is the version that it is compared with. ``dataset`` may name
    a version, as ``questions@2``; ``only`` are ids of the cases that are asked, all without it. Each case is asked
    ``repeats`` times, never from the cache. ``fail_under`` is the least mean score with which it passes,
    ``fail_on`` are verdicts against the other version with which it does not. ``budget_cents`` is the most that it
    may cost. With ``teach_routes`` the scores of the version's answers count for the prompt's routes, where nodes
    learn them. ``provider`` and ``model`` pin what is asked; without them it is the version's own, or those of the
    ``quality``.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "prompt": "greeter",
                    "version": 1,
                    "dataset": "greetings",
                    "scorers": [{"kind": "exact"}],
                    "repeats": 2,
                }
            ]
        },
    )

    prompt: str = Field(pattern=NAME_PATTERN)
    version: Which | None = None
    against: Which | None = None
    dataset: str = Field(pattern=PROMPT_VERSION_PATTERN)
    scorers: list[Scorer] = Field(min_length=1, max_length=MAX_SCORERS)
    repeats: int = Field(default=1, ge=1, le=MAX_REPEATS, strict=True)
    quality: Tier = DEFAULT_TIER
    provider: Text | None = Field(default=None, min_length=1, max_length=128)
    model: Text | None = Field(default=None, min_length=1, max_length=256)
    max_tokens: int | None = Field(default=None, ge=1, le=1_000_000, strict=True)
    budget_cents: Cents | None = None
    fail_under: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    fail_on: list[Verdict] = Field(default=[], max_length=3)
    teach_routes: bool = Field(default=False, strict=True)
    only: list[Annotated[Text, Field(min_length=1, max_length=256)]] = Field(default=[], max_length=10_000)
    project: TagValue | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _names_each_scorer_once(self) -> Self:
        names = [one.called for one in self.scorers]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two scorers are called {twice}: give one of them another name")
        return self

    @model_validator(mode="after")
    def _has_what_it_compares_with(self) -> Self:
        if self.fail_on and self.against is None:
            raise ValueError("fail_on has verdicts against another version: name that version in against")
        return self


class AnswerLabel(Request):
    """A person's word on an answer that a judge has judged.

    Of a judge of pairs it is which answer is better, of one of single answers whether that of `side` passes.
    """

    case_id: Text = Field(min_length=1, max_length=256)
    repeat: int = Field(default=0, ge=0, lt=MAX_REPEATS, strict=True)
    scorer: Text = Field(min_length=1, max_length=64)
    side: Literal["candidate", "baseline"] = "candidate"
    human: Literal["candidate", "baseline", "tie", "pass", "fail"]


class LabelAnswers(Request):
    """Labels to add; the last one of an answer holds."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"labels": [{"case_id": "1", "scorer": "llm_judge", "human": "candidate"}]}]},
    )

    labels: list[AnswerLabel] = Field(min_length=1, max_length=10_000)


class LabelsAccepted(Answer):
    """How many labels the evaluation has. Its report is made again when it is read."""

    id: str
    labels: int


EvaluationState = RunState
"""That of its run."""


class EvaluationCancelAccepted(Answer):
    """The cancel of its run is in the log; ``state`` is the evaluation's state when it was accepted."""

    id: str
    run_id: str
    state: EvaluationState


class Progress(Answer):
    """Answers that are there, those that failed among them, and how many there will be."""

    done: int
    failed: int
    total: int


class EvaluationSummary(Answer):
    """An evaluation as lists show it. ``dataset`` is ``name@version``; ``against`` may be null."""

    id: str
    prompt: str
    version: int
    against: int | None
    dataset: str
    cases: int
    repeats: int
    run_id: str
    author: str
    project: str | None
    created_at: str | None
    ended_at: str | None


class EvaluationLine(EvaluationSummary):
    """An evaluation in a list. ``state`` is that of its run."""

    state: EvaluationState


class EvaluationAnswer(EvaluationLine):
    """An evaluation with how far it is. ``error`` is why its run failed.

    ``report`` is there when it has succeeded. ``passed`` says whether it holds ``fail_under`` and ``fail_on``, if one
    was given, and ``failures`` why not.
    """

    progress: Progress
    cost_usd: str
    scorers: list[Scorer]
    quality: Tier
    fail_under: float | None
    error: str | None
    passed: bool | None
    failures: list[str]
    report: dict[str, Any] | None


class EvaluationPage(Answer):
    """Evaluations, the newest first. ``next_cursor`` is null on the last page."""

    evaluations: list[EvaluationLine]
    next_cursor: str | None
