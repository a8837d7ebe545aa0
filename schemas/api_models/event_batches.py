"""Batches of CloudEvents that submit runs."""

from schemas.api_models.base import Answer
from schemas.api_models.problem import ProblemPart
from schemas.api_models.runs import RunAccepted


class EventRefused(Answer):
    """The error of an event of a batch, with the ``type`` and the words that it would have alone."""

    type: str
    status: int
    detail: str
    problems: list[ProblemPart] = []


class EventOutcome(Answer):
    """The outcome of one event: its ``run``, or ``error``. ``index`` is its place in the batch, from 0."""

    index: int
    source: str | None = None
    id: str | None = None
    run: RunAccepted | None = None
    error: EventRefused | None = None


class EventsTaken(Answer):
    """The outcomes of a batch, in its order. It may be sent again: events that were accepted are the same runs."""

    accepted: int
    refused: int
    events: list[EventOutcome]
