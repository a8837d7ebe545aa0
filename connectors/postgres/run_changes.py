"""What changed of a run since a version of it, for those who follow it."""

from dataclasses import dataclass

from connectors.postgres.database import Database
from connectors.postgres.runs import STEP, SUMMARY, RunLine, StoredStep


@dataclass(frozen=True)
class RunChanges:
    """A run as of ``version``, and those of its steps that were written with ``since`` or a later one, with theirs.

    A step may be newer than ``version``; none that is older than it is missing.
    """

    version: int
    run: RunLine
    steps: list[tuple[int, StoredStep]]


class RunFollower:
    """Reads changes. Raises ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def changes(self, org_id: str, run_id: str, since: int) -> RunChanges | None:
        """Return what changed, steps in the order in which they did; ``None`` for a run that history does not have."""
        async with self._database.transaction("follow a run") as conn:
            # The run first: whatever had been written with its version is then seen, too.
            run = await conn.fetchrow(
                f"SELECT version, {SUMMARY} FROM workflow_run WHERE org_id = $1 AND id = $2", org_id, run_id
            )
            if run is None:
                return None
            steps = await conn.fetch(
                f"SELECT version, {STEP} FROM step_run WHERE workflow_run_id = $1 AND org_id = $2 AND version >= $3 "
                "ORDER BY version, requested_at NULLS LAST, step_id",
                *(run_id, org_id, since),
            )
        line = {name: value for name, value in run.items() if name != "version"}
        found = [({**step}, step["version"]) for step in steps]
        for fields, _ in found:
            del fields["version"]
        return RunChanges(run["version"], RunLine(**line), [(version, StoredStep(**f)) for f, version in found])
