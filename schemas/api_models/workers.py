"""Workers as operators see them."""

from typing import Literal

from schemas.api_models.base import Answer


class WorkerAnswer(Answer):
    """One worker. ``lanes`` are the topics that it takes requests from, ``in_flight`` the attempts it works on.

    ``lost``: not heard of for ``lost_after_s``. ``stopped``: it said that it ends.
    """

    id: str
    state: Literal["live", "lost", "stopped"]
    lanes: list[str]
    concurrency: int
    in_flight: int
    version: str
    started_at: str | None
    last_seen_at: str | None


class WorkersAnswer(Answer):
    """Every worker of the deployment. One that was not heard of for ``forgotten_after_s`` is left out."""

    workers: list[WorkerAnswer]
    lost_after_s: float
    forgotten_after_s: float
