"""The changes of a run since a version of it, for its followers."""

from dataclasses import dataclass

from connectors.postgres.database import Database
from connectors.postgres.history.runs import STEP, SUMMARY, RunLine, StoredStep


@dataclass(frozen=True)
class RunChanges:
    """A run as of ``version``, and its steps that were written with version ``since`` or later, with their versions.

    A step may be newer than ``version``; no older one is missing.
    """

    version: int
    run: RunLine
    steps: list[tuple[int, StoredStep]]


class RunFollower:
    """Reads changes. Raises ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def changes(self, org_id: str, run_id: str, since: int) -> RunChanges | None:
        """Return the changes, steps in the order of their change; ``None`` for a run that history does not have."""
        async with self._database.transaction("follow a run") as conn:
            # The run first: everything written with its version is then visible, too.
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
