"""Which runs traces have."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from connectors.postgres.database import Database

#: A program may start several runs in a trace of its own. Of so many it is known.
MAX_RUNS = 8
_OF_TRACES = """
SELECT trace_id, id, workflow_name, tags FROM (
    SELECT trace_id, id, workflow_name, tags, row_number() OVER (PARTITION BY trace_id ORDER BY created_at, id) AS n
    FROM workflow_run WHERE org_id = $1 AND trace_id = ANY($2::text[])
) AS numbered WHERE n <= $3 ORDER BY trace_id, n
"""


@dataclass(frozen=True, slots=True)
class TraceRun:
    """A run of a trace."""

    run_id: str
    workflow_name: str
    tags: Mapping[str, str] = field(default_factory=dict)


class TraceRuns:
    """Reads run history by trace."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_traces(self, org_id: str, trace_ids: Collection[str]) -> dict[str, list[TraceRun]]:
        """Return the first runs of an organisation's traces, by trace id. Raises ``Unavailable``."""
        rows = await self._database.fetch("look up the runs of traces", _OF_TRACES, org_id, list(trace_ids), MAX_RUNS)
        found: dict[str, list[TraceRun]] = {}
        for row in rows:
            run = TraceRun(row["id"], row["workflow_name"], row["tags"])
            found.setdefault(row["trace_id"], []).append(run)
        return found
