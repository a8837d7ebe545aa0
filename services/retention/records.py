"""What is stored of runs outside of history: their traces, and their views in the log.

``run-views`` keeps the newest view of each run as long as the run is kept, so a run that is deleted takes its view back
by a record without a value. Without it the topic would grow with every run there ever was.
"""

from collections.abc import Sequence

from connectors.kafka.deadline_appender import Appender
from connectors.ports.engine import OutRecord
from services.retention.deletion import Traces
from topics.catalogue import RUN_VIEWS


class RunRecords:
    """Deletes traces first, then views; may be repeated. Methods raise ``Unavailable``."""

    def __init__(self, traces: Traces, log: Appender) -> None:
        self._traces = traces
        self._log = log

    async def delete(self, org_id: str, run_ids: Sequence[str]) -> None:
        """Delete what is stored of runs of an organisation."""
        await self._traces.delete(org_id, run_ids)
        await self._log.append([OutRecord(RUN_VIEWS, run_id.encode(), None) for run_id in run_ids])
