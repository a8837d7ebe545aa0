"""Counters of a process: those whose labels are all closed begin with zeros."""

import pytest
from prometheus_client import CollectorRegistry

from connectors.prometheus.families import counter
from schemas.metrics import BATCHES_SENT_TOTAL, LEASES_ENDED_TOTAL, LIVE_COST_PUSHES_TOTAL, WORKER_PAUSES_TOTAL


@pytest.mark.parametrize(
    ("name", "zeros"),
    [
        (LIVE_COST_PUSHES_TOTAL, [{"outcome": outcome} for outcome in ("ok", "refused", "failed")]),
        (WORKER_PAUSES_TOTAL, [{}]),
        (LEASES_ENDED_TOTAL, []),
        (BATCHES_SENT_TOTAL, []),
    ],
)
def test_a_counter_begins_with_zeros_where_all_values_are_known(name: str, zeros: list[dict[str, str]]) -> None:
    registry = CollectorRegistry()
    counter(name, registry)
    samples = [one for family in registry.collect() for one in family.samples]
    assert [(one.labels, one.value) for one in samples] == [(labels, 0) for labels in zeros]
