"""The labels of answers, as the records of runs have them."""

from collections.abc import Collection

from bench.agentdojo.runs import NODE
from connectors.kafka.log import KafkaLog
from schemas.labels.label import Integrity
from schemas.labels.mapped import Labels
from schemas.records.run_views import RunView
from topics.catalogue import RUN_VIEWS
from topics.codec import decode


async def labels_of_answers(bootstrap: str, partitions: int, nodes: Collection[str] = (NODE,)) -> dict[str, Integrity]:
    """Return by ``<run>/<node>`` how far each recorded answer of a run is to be trusted.

    An answer without labels is not there.
    """
    found = dict[str, Integrity]()
    async with KafkaLog(bootstrap) as log:
        for partition in range(partitions):
            bounds = await log.bounds(RUN_VIEWS, partition)
            async for batch in log.read(RUN_VIEWS, partition, bounds.first, bounds.end):
                for one in batch:
                    view = decode(RUN_VIEWS, one.value)
                    for step in view.steps if isinstance(view, RunView) else ():
                        if step.step_id in nodes and step.output is not None and step.output.labels:
                            whole = Labels.read(step.output.labels).whole
                            found[f"{view.run_id}/{step.step_id}"] = whole.integrity
    return found
