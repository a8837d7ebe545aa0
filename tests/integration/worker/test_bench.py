"""The bench of the worker's tests itself."""

from itertools import count

from schemas.records.run_events import StepSucceeded
from tests.support.worker import LOG_PARTITIONS, Bench, function
from topics.partitioner import partition_for


def run_on(partition: int) -> str:
    """Return the id of a run whose events are on a partition."""
    return next(id_ for id_ in map(str, count()) if partition_for(id_.encode(), LOG_PARTITIONS) == partition)


async def test_results_are_in_the_order_of_time_whatever_their_partitions(bench: Bench) -> None:
    await bench.worker().start()
    order = [run_on(partition) for partition in (1, 0, 1)]
    for done, run_id in enumerate(order, start=1):
        await bench.ask(bench.request(function("result_merger"), run_id=run_id, step_id=f"s{done}", args={"a": 1}))
        await bench.finished(done)
    assert [(type(r), r.run_id) for r in bench.results()] == [(StepSucceeded, run_id) for run_id in order]
