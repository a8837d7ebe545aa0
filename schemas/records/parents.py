"""The step that started a run."""

from schemas.records.base import Attempt, Part


class Parent(Part, frozen=True, kw_only=True):
    """The attempt of a run's step that started another run; ``detached``: it does not wait for that run's end."""

    run_id: str
    step_id: str
    attempt: Attempt
    detached: bool = False
