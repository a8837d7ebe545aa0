"""The progress of a run's mapped nodes, counted from their children's rows."""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.postgres.database import Database
from schemas.run_states import StepState

_COUNTS = """
SELECT node_id, status, count(*) AS steps, sum(cost_nano)::bigint AS cost_nano,
       sum(input_tokens)::bigint AS input_tokens, sum(output_tokens)::bigint AS output_tokens
FROM step_run WHERE workflow_run_id = $1 AND org_id = $2 AND child_index >= 0 GROUP BY node_id, status
"""


@dataclass(frozen=True)
class ChildrenCount:
    """Children of one mapped node in one state, and their total use."""

    steps: int
    cost_nano: int
    input_tokens: int
    output_tokens: int


Children = Mapping[StepState, ChildrenCount]
"""A mapped node's children by state; only those that were requested."""


async def counted(database: Database, org_id: str, run_id: str) -> dict[str, Children]:
    """Return the children of a run's mapped nodes, by node. Raises ``Unavailable``."""
    found: dict[str, dict[StepState, ChildrenCount]] = {}
    for row in await database.fetch("count children", _COUNTS, run_id, org_id):
        said = ChildrenCount(row["steps"], row["cost_nano"], row["input_tokens"], row["output_tokens"])
        found.setdefault(row["node_id"], {})[row["status"]] = said
    return dict(found)
