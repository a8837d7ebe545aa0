"""Metric fields: what is written is what is read, whatever stands in a label."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.role_counters import families
from schemas.metrics import (
    STORED,
    WORKFLOW_DURATION_SECONDS,
    WORKFLOW_RUNS_TOTAL,
    counter_field,
    histogram_field,
    histogram_fields,
    parse_field,
)


@given(st.text(), st.text())
def test_labels_survive(workflow: str, status: str) -> None:
    field = counter_field(WORKFLOW_RUNS_TOTAL, (("status", status), ("workflow", workflow)))
    assert parse_field(field) == (WORKFLOW_RUNS_TOTAL, {"workflow": workflow, "status": status})


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30))
def test_a_histogram_counts_every_observation_once(values: list[float]) -> None:
    fields: dict[str, float] = {}
    for value in values:
        for field, amount in histogram_fields(WORKFLOW_DURATION_SECONDS, (("workflow", "w"),), value).items():
            fields[field] = fields.get(field, 0) + amount
    (family,) = [f for f in families(fields) if f.name == WORKFLOW_DURATION_SECONDS]
    buckets = {s.labels["le"]: s.value for s in family.samples if s.name.endswith("_bucket")}
    for bound in STORED[WORKFLOW_DURATION_SECONDS].buckets:
        assert buckets[format(bound, "g")] == sum(value <= bound for value in values)
    assert buckets["+Inf"] == len(values)


def test_a_bound_belongs_to_its_bucket() -> None:
    assert histogram_field(WORKFLOW_DURATION_SECONDS, (("workflow", "w"),), 0.05).endswith("|le=0.05")
    assert histogram_field(WORKFLOW_DURATION_SECONDS, (("workflow", "w"),), 0.0500001).endswith("|le=0.1")
    assert histogram_field(WORKFLOW_DURATION_SECONDS, (("workflow", "w"),), 1e9).endswith("|le=+Inf")


@pytest.mark.parametrize(
    ("metric", "labels"),
    [
        ("unheard_of", ()),
        (WORKFLOW_DURATION_SECONDS, (("workflow", "w"),)),
        (WORKFLOW_RUNS_TOTAL, (("workflow", "w"),)),
        (WORKFLOW_RUNS_TOTAL, (("workflow", "w"), ("status", "s"), ("more", "x"))),
    ],
)
def test_what_is_not_declared_is_refused(metric: str, labels: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(ValueError, match=r"declare|labels"):
        counter_field(metric, labels)
