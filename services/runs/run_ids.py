"""Which id a submission's run gets: the first id, or, once the topics of runs have grown, one that names their number.

A submission keeps the id that it had when it is repeated: the markers know it for a day, then history does, by one of
the few ids that it may have. Two that come at once, one to a process that knows of the growth and one to a process that
does not yet, meet in the claim of the markers, and the later one must ask again.
"""

from collections.abc import Awaitable, Callable

from connectors.postgres.history.runs import Runs
from connectors.redis.submission_markers import SubmissionMarkers
from schemas.ids import placed_run_id, run_id

Count = Callable[[], Awaitable[int]]


class RunIds:
    """Returns ids. ``count`` is how many partitions topics of runs have now, ``first`` how many they had at first."""

    def __init__(self, markers: SubmissionMarkers, history: Runs, count: Count, first: int) -> None:
        self._markers = markers
        self._history = history
        self._count = count
        self._first = first

    async def of(self, org_id: str, source: str, submission_id: str | None) -> str:
        """Return the id of a submission's run. Raises ``Unavailable``."""
        made, count = run_id(org_id, source, submission_id), await self._count()
        if count <= self._first:
            return made
        if submission_id is not None and (known := await self._known(made, count)) is not None:
            return known
        return placed_run_id(made, count)

    async def _known(self, made: str, count: int) -> str | None:
        """Return the id that an earlier submission of this kind got, ``None`` without one."""
        if (known := await self._markers.chosen(made)) is not None:
            return known
        # Topics grow by whole multiples, so an earlier one has one of these.
        candidates = [made, *(placed_run_id(made, n) for n in range(2 * self._first, count + 1, self._first))]
        stored = await self._history.body_hashes(candidates)
        return next((one for one in candidates if one in stored), None)
