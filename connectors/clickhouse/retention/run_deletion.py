"""Deletes what ClickHouse has of runs: their spans, the events of their steps, what their calls said and its labels.

Costs stay, and the facts of calls that bills are made of. ClickHouse finishes a deletion by itself, and one that is
requested again deletes nothing more.
"""

from collections.abc import Sequence

from connectors.clickhouse.client import ClickHouse
from connectors.clickhouse.trace_retention import TABLES

_WHERE = "WHERE org_id = {org:String} AND run_id IN {runs:Array(String)}"
_STATEMENTS = (
    *(f"ALTER TABLE {table} DELETE {_WHERE}" for table in (*TABLES, "step_events")),
    f"ALTER TABLE provider_calls UPDATE request = '', response = '', labels = '' {_WHERE}",
)


class RunTraces:
    """The traces of all organisations. Raises ``Unavailable``."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def delete(self, org_id: str, run_ids: Sequence[str]) -> None:
        """Delete what is stored of runs of an organisation."""
        for statement in _STATEMENTS:
            await self._clickhouse.query(statement, {"org": org_id, "runs": list(run_ids)})
