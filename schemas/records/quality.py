"""``quality-scores``: scores of live answers, and the change of a series. Key: organisation and prompt."""

from typing import Annotated, ClassVar

import msgspec

from schemas.records.base import CloudEvent, Int64, Millis, Part, Record

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


#: The scorer of answers that were compared with those of a reference: 1 where they are the same, 0 where they differ.
REFERENCE_SCORER = "reference"

Chance = Annotated[float, msgspec.Meta(gt=0, lt=1)]


class Compared(Part, frozen=True, kw_only=True):
    """What an answer was compared with: the ``reference`` is ``provider/model``.

    Equal models differ in a share of ``differs_most`` of their answers; ``alpha`` is the chance of a false alarm that
    is accepted, of an epoch of pairs.
    """

    reference: str
    differs_most: Chance
    alpha: Chance


class AnswerScored(Record, frozen=True, kw_only=True, tag_field="type", tag="quality.scored"):
    """One scorer's score of one live answer, from 0 to 1. ``call`` and ``scorer`` tell repeats."""

    type: ClassVar[str] = "quality.scored"
    org_id: str
    prompt: str
    version: Int64
    workflow_name: str
    model: str
    scorer: str
    score: Share
    call: str
    run_id: str
    step_id: str
    scored_at_ms: Millis
    #: Of the scorer ``REFERENCE_SCORER`` alone.
    compared: Compared | None = None

    @property
    def group(self) -> str:
        """The record's key: ``<organisation>:<prompt>``."""
        return f"{self.org_id}:{self.prompt}"


class Drift(Part, frozen=True, kw_only=True):
    """The data of ``QualityDrifted``: a series, and the means of its scores before and after the change.

    ``by`` says what the series is of, ``value`` which one: a version, a workflow or a model. ``scores`` counts all of
    the series, ``window`` those after the change. ``run_id`` is the run whose score made the change certain.
    ``reference`` is what the answers of a model are no longer equal to; ``after`` is the share of equal ones.
    """

    prompt: str
    scorer: str
    by: str
    value: str
    before: float
    after: float
    scores: Int64
    window: Int64
    run_id: str
    reference: str = ""


class QualityDrifted(CloudEvent, frozen=True, kw_only=True, tag_field="type", tag="quality.drifted"):
    """The mean of a series of scores has changed."""

    type: ClassVar[str] = "quality.drifted"
