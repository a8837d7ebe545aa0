"""How live answers of a prompt are scored, and what they were worth."""

from pydantic import ConfigDict, Field, field_validator

from schemas.api_models.base import Answer, Request
from schemas.api_models.prompts.evaluations import Scorer, Which
from schemas.api_models.prompts.versions import Version
from schemas.prompts.evaluations import MAX_SCORERS
from schemas.prompts.refs import LATEST


class SetScoring(Request):
    """The share of a prompt's live answers that is scored, 0 to 1, and by what.

    Scorers are those that need no expected value: ``contains`` with ``values``, ``regex``, ``json_schema``,
    ``latency`` and ``cost``. ``version`` limits it to the answers of one version, by number or by label.
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

    @field_validator("version")
    @classmethod
    def _is_fixed(cls, version: int | str | None) -> int | str | None:
        if version == LATEST:
            raise ValueError("latest is no label: leave version out to score all versions, or name a number or a label")
        return version


class ScoringAnswer(Answer):
    """A prompt's policy. ``changed_by`` is the id of a key."""

    prompt: str
    sample: float
    scorers: list[Scorer]
    version: Version | str | None
    changed_by: str
    changed_at: str | None


class LiveScoreLine(Answer):
    """Live answers of one version by one scorer: mean, number of scores, and answers that it failed to score."""

    version: int
    scorer: str
    mean: float | None
    scored: int
    failed: int


class LiveScorePage(Answer):
    """Live scores of a prompt since a time, the newest version first."""

    prompt: str
    since: str | None
    scores: list[LiveScoreLine]
