"""The progress of a run's mapped nodes, counted from their children's rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.postgres.database import Database
from schemas.run_states import StepState

#: Counts of other kinds of usage are rows of their own, with their sum as ``steps``; most runs have none.
_COUNTS = """
SELECT node_id, status, NULL AS kind, count(*) AS steps, sum(cost_nano)::bigint AS cost_nano,
       sum(input_tokens)::bigint AS input_tokens, sum(output_tokens)::bigint AS output_tokens
FROM step_run WHERE workflow_run_id = $1 AND org_id = $2 AND child_index >= 0 GROUP BY node_id, status
UNION ALL
SELECT node_id, status, key, sum(value::bigint)::bigint, 0, 0, 0
FROM step_run, jsonb_each_text(kinds)
WHERE workflow_run_id = $1 AND org_id = $2 AND child_index >= 0 AND kinds IS NOT NULL GROUP BY node_id, status, key
"""


@dataclass(frozen=True)
class ChildrenCount:
    """Children of one mapped node in one state, and their total use; ``kinds`` as in ``Usage.kinds``."""

    steps: int
    cost_nano: int
    input_tokens: int
    output_tokens: int
    kinds: dict[str, int] = field(default_factory=dict)


Children = Mapping[StepState, ChildrenCount]
"""A mapped node's children by state; only those that were requested."""


async def counted(database: Database, org_id: str, run_id: str) -> dict[str, Children]:
    """Return the children of a run's mapped nodes, by node. Raises ``Unavailable``."""
    found: dict[str, dict[StepState, ChildrenCount]] = {}
    rows = await database.fetch("count children", _COUNTS, run_id, org_id)
    for row in sorted(rows, key=lambda row: row["kind"] is not None):
        node = found.setdefault(row["node_id"], {})
        if row["kind"] is not None:
            node[row["status"]].kinds[row["kind"]] = row["steps"]
        else:
            said = ChildrenCount(row["steps"], row["cost_nano"], row["input_tokens"], row["output_tokens"])
            node[row["status"]] = said
    return dict(found)
