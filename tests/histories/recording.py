"""Reading the records of runs off a broker."""

from collections.abc import Sequence

from connectors.kafka.log import KafkaLog
from schemas.errors import NotFound
from tests.histories.history import Record
from topics.catalogue import RUN_EVENTS
from topics.partitioner import partition_for


async def records_of(bootstrap: str, run_ids: Sequence[str]) -> list[Record]:
    """Return the time and the text of every record of some runs, run by run, each in the order of the log.

    Raises ``NotFound`` for a run that the log does not have.
    """
    records: list[Record] = []
    async with KafkaLog(bootstrap) as log:
        count = await log.partitions(RUN_EVENTS)
        for run in run_ids:
            key = run.encode()
            partition = partition_for(key, count)
            bounds = await log.bounds(RUN_EVENTS, partition)
            batches = log.read(RUN_EVENTS, partition, bounds.first, bounds.end)
            found = [
                (r.timestamp_ms, (r.value or b"").decode()) async for batch in batches for r in batch if r.key == key
            ]
            if not found:
                raise NotFound(f"{RUN_EVENTS} has no record of run {run}")
            records += found
    return records
