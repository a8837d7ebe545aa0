"""Workers as operators see them."""

from typing import Literal

from schemas.api_models.base import Answer


class WorkerAnswer(Answer):
    """One worker. ``lanes`` are the topics that it takes requests from, ``in_flight`` the attempts that it executes,
    ``providers`` its model providers (``null`` if it does not say).

    ``memory_bytes`` is what its process has in memory, of ``memory_limit_bytes`` that it may have; ``null`` if unknown.
    ``lost``: no heartbeat for ``lost_after_s``. ``stopped``: it reported its end.
    """

    id: str
    state: Literal["live", "lost", "stopped"]
    lanes: list[str]
    concurrency: int
    in_flight: int
    version: str
    started_at: str | None
    last_seen_at: str | None
    providers: list[str] | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None


class WorkersAnswer(Answer):
    """Every worker of the deployment, except those without a heartbeat for ``forgotten_after_s``."""

    workers: list[WorkerAnswer]
    lost_after_s: float
    forgotten_after_s: float
