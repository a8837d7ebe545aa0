"""A chunk's commit keeps one exemplar for each bucket, the newest, and none for what has no trace."""

from typing import Any

from schemas.metrics import WORKFLOW_COST_CENTS, WORKFLOW_DURATION_SECONDS
from schemas.metrics.fields import histogram_field, parse_exemplar
from streams.core.commands import Observe
from streams.runtime.table.chunk import ChunkFolder
from streams.runtime.table.overlay import Memory

LABELS = (("workflow", "w"),)


def unused(_: Any) -> Any:
    raise AssertionError("no record is decoded here")


def test_the_newest_trace_of_a_bucket_is_its_exemplar() -> None:
    fold: Any = object()
    chunk = ChunkFolder(fold, Memory(fold, 8), unused, unused)
    seconds = {"t1": 0.3, "t2": 0.4, "t3": 7.0}
    chunk.absorb({}, [Observe(WORKFLOW_DURATION_SECONDS, value, LABELS, trace) for trace, value in seconds.items()])
    chunk.absorb({}, [Observe(WORKFLOW_COST_CENTS, 3.0, LABELS)])
    commit = chunk.result(1, 0, 3, 1_500).commit
    assert {field: parse_exemplar(text) for field, text in commit.exemplars.items()} == {
        histogram_field(WORKFLOW_DURATION_SECONDS, LABELS, 0.4): ("t2", 0.4, 1.5),
        histogram_field(WORKFLOW_DURATION_SECONDS, LABELS, 7.0): ("t3", 7.0, 1.5),
    }
    assert sum(amount for field, amount in commit.counters.items() if "_count|" in field) == 4
