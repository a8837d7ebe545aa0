"""How live answers of a prompt are scored, and what they were worth."""

from pydantic import ConfigDict, Field, field_validator

from schemas.api_models.base import Answer, Cents, Request, Text
from schemas.api_models.prompts.evaluations import Scorer, Which
from schemas.api_models.prompts.versions import Version
from schemas.prompts.evaluations import MAX_SCORERS
from schemas.prompts.refs import LATEST


class SetLiveJudge(Request):
    """The most that a judge of live answers may spend: within 24 hours, and on one answer.

    ``calibration`` is an evaluation of the prompt by the same judge: its labels of people say how far to believe it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cents_per_day: Cents
    cents_per_call: Cents
    calibration: Text | None = Field(default=None, max_length=64)


class SetScoring(Request):
    """The share of a prompt's live answers that is scored, 0 to 1, and by what.

    Scorers are those that need no expected value: ``contains`` with ``values``, ``regex``, ``json_schema``,
    ``latency``, ``cost``, and one ``llm_judge``, which needs ``judge``. ``version`` limits it to the answers of one
    version, by number or by label.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [{"sample": 0.1, "scorers": [{"kind": "latency", "options": {"limit_ms": 2000}}]}]
        },
    )

    sample: float = Field(ge=0, le=1, allow_inf_nan=False)
    scorers: list[Scorer] = Field(min_length=1, max_length=MAX_SCORERS)
    version: Which | None = None
    judge: SetLiveJudge | None = None

    @field_validator("version")
    @classmethod
    def _is_fixed(cls, version: int | str | None) -> int | str | None:
        if version == LATEST:
            raise ValueError("latest is no label: leave version out to score all versions, or name a number or a label")
        return version


class LiveJudgeAnswer(Answer):
    """A judge of live answers: its budget, what it has spent of it in 24 hours, and how it agreed with people.

    It is ``calibrated`` where the evaluation ``calibration`` has 50 labels of people; ``warnings`` say what is wrong.
    """

    scorer: str
    cents_per_day: str
    cents_per_call: str
    spent_cents: str
    calibrated: bool
    calibration: str | None
    labels: int
    agreement: float | None
    kappa: float | None
    warnings: list[str]


class ScoringAnswer(Answer):
    """A prompt's policy. ``changed_by`` is the id of a key; ``judge`` is there where a scorer is a judge."""

    prompt: str
    sample: float
    scorers: list[Scorer]
    version: Version | str | None
    changed_by: str
    changed_at: str | None
    judge: LiveJudgeAnswer | None = None


class LiveScoreLine(Answer):
    """Live answers of one version by one scorer: mean, number of scores, and answers that it failed to score.

    ``calibrated`` says of a judge whether it is; of other scorers it is null.
    """

    version: int
    scorer: str
    mean: float | None
    scored: int
    failed: int
    calibrated: bool | None = None


class LiveScorePage(Answer):
    """Live scores of a prompt since a time, the newest version first."""

    prompt: str
    since: str | None
    scores: list[LiveScoreLine]
