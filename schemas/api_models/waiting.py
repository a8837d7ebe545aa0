"""Reasons why a run waits."""

from schemas.api_models.base import Answer
from schemas.api_models.runs import Waiting
from schemas.run_states import RunState, StepState


class StepWaiting(Answer):
    """An open step, and the reason why it waits."""

    id: str
    node_id: str
    status: StepState
    waiting: Waiting


class RunWaiting(Answer):
    """The wait reasons of a run's open steps. A run that has ended has none.

    ``waiting`` is the reason of the run as a whole. ``left_out`` counts steps that are not shown.
    """

    id: str
    status: RunState
    waiting: Waiting | None
    steps: list[StepWaiting]
    left_out: int
