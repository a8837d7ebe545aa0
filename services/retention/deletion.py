"""The deletion of one run by request."""

from collections.abc import Callable, Sequence
from typing import Protocol

from schemas.errors import Conflict, NotFound
from schemas.timestamps import format_time

#: A run that has ended is shown from the live table for an hour (``run_end.KEEP_FINISHED_MS``), and what comes late is
#: booked meanwhile.
SETTLES_MS = 3_600_000


class Ended(Protocol):
    """See ``connectors.postgres.history.run_deletion.EndedRun``."""

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""

    @property
    def ended_ms(self) -> int:
        """When it ended."""

    @property
    def held(self) -> bool:
        """Whether a hold keeps it."""


class History(Protocol):
    """Where runs are, see ``connectors.postgres.history.run_deletion``. Methods raise ``Unavailable``."""

    async def find(self, org_id: str, run_id: str) -> Ended | None:
        """Return what history has of a run."""
        ...

    async def remember(self, org_id: str, run_id: str, by: str) -> None:
        """Note that a run is deleted by request."""
        ...

    async def delete(self, org_id: str, run_ids: Sequence[str]) -> None:
        """Delete runs."""
        ...


class Traces(Protocol):
    """Where traces are, see ``connectors.clickhouse.retention.run_deletion``."""

    async def delete(self, org_id: str, run_ids: Sequence[str]) -> None:
        """Delete what is stored of runs. Raises ``Unavailable``."""
        ...


class Markers(Protocol):
    """What accepted submissions are known by at first, see ``connectors.redis.submission_markers``."""

    async def forget(self, run_id: str) -> None:
        """Remove a run's marker. Raises ``Unavailable``."""
        ...


class Deletion:
    """Deletes single runs."""

    def __init__(self, history: History, traces: Traces, markers: Markers, now_ms: Callable[[], int]) -> None:
        self._history = history
        self._traces = traces
        self._markers = markers
        self._now_ms = now_ms

    async def delete(self, org_id: str, run_id: str, by: str) -> None:
        """Delete a run that is over.

        Raises ``NotFound``, ``Unavailable``, and ``Conflict`` for a run that has not ended, ended within the hour, or
        is held. A deletion that stops half-way is finished by another request.
        """
        found = await self._history.find(org_id, run_id)
        if found is None:
            raise NotFound(f"run {run_id} does not exist; see GET /api/v1/workflows/runs")
        if found.is_open:
            raise Conflict(f"run {run_id} has not ended; cancel it first")
        if found.held:
            raise Conflict(f"run {run_id} is held; see GET /api/v1/retention/holds")
        settled_ms = found.ended_ms + SETTLES_MS
        if self._now_ms() < settled_ms:
            raise Conflict(f"run {run_id} ended within the hour; delete it after {format_time(settled_ms)}")
        await self._history.remember(org_id, run_id, by)
        await self._traces.delete(org_id, [run_id])
        # History comes before the marker. Once it has no run, a marker that is left would show it as queued.
        await self._markers.forget(run_id)
        await self._history.delete(org_id, [run_id])
