"""Why a run is waiting."""

from schemas.api_models.base import Answer
from schemas.api_models.runs import Waiting
from schemas.run_states import RunState, StepState


class StepWaiting(Answer):
    """A step that has not settled, and on what it waits."""

    id: str
    node_id: str
    status: StepState
    waiting: Waiting


class RunWaiting(Answer):
    """On what every step of a run waits that has not settled. A run that has ended waits on nothing.

    ``waiting`` is what the run as a whole waits on. ``left_out`` counts steps that are not shown.
    """

    id: str
    status: RunState
    waiting: Waiting | None
    steps: list[StepWaiting]
    left_out: int
