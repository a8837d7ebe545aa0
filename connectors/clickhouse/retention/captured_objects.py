"""Which stored objects captured requests and answers of models refer to."""

from connectors.clickhouse.client import ClickHouse

_REFERENCE = '(?:/|sha256\\\\\\\\*": *\\\\\\\\*")([0-9a-f]{64})'
_CAPTURED = f"""
SELECT DISTINCT arrayJoin(extractAll(concat(request, ' ', response), '{_REFERENCE}'))
FROM provider_calls
WHERE org_id = {{org:String}} AND (position(request, '"reference"') > 0 OR position(response, '"reference"') > 0)
"""


class CapturedObjects:
    """The captured calls of all organisations. Raises ``Unavailable``."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def referred(self, org_id: str) -> set[str]:
        """Return the hashes of the objects that captured calls of an organisation refer to."""
        return {str(row[0]) for row in await self._clickhouse.query(_CAPTURED, {"org": org_id})}
