"""What comparisons of runs need to know of each: its trace, its definition, and which inputs it was given."""

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.postgres.database import Database


@dataclass(frozen=True, slots=True)
class RunFacts:
    """``given`` are the names of inputs that have a value, here or stored as objects."""

    trace_id: str
    spec_hash: str
    given: frozenset[str]


class RunFactsReader:
    """Reads facts of runs. Raises ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, org_id: str, run_ids: Sequence[str]) -> dict[str, RunFacts]:
        """Return the facts of those runs of an organisation that are known, by run."""
        rows = await self._database.fetch(
            "read facts of runs",
            "SELECT id, trace_id, spec_hash, "
            "ARRAY(SELECT key FROM json_each(coalesce(inputs, '{}'::json)) WHERE value::text <> 'null') "
            "|| ARRAY(SELECT json_object_keys(coalesce(stored_inputs, '{}'::json))) AS given "
            "FROM workflow_run WHERE org_id = $1 AND id = ANY($2::text[])",
            *(org_id, list(run_ids)),
        )
        return {row["id"]: RunFacts(row["trace_id"], row["spec_hash"], frozenset(row["given"])) for row in rows}
