"""The sink that writes run views to PostgreSQL, for reading and listing."""

from connectors.ports.engine import InRecord
from connectors.postgres.run_writes import RunWrites
from schemas.records.run_views import RunView


class HistorySink:
    """Writes views by version, newest wins, so order and repeats do not matter."""

    def __init__(self, writes: RunWrites) -> None:
        self._writes = writes

    async def write(self, records: list[tuple[InRecord, RunView]]) -> None:
        """Write a batch in one transaction. Raises ``Unavailable`` when PostgreSQL does not answer: ack nothing."""
        await self._writes.write(view for _, view in records)
