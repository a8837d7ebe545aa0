"""Metric fields: what is written is what is read, whatever stands in a label."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.registry import Collector

from connectors.prometheus.places import Places
from connectors.prometheus.stored import Family, families
from schemas.metrics import (
    COST_SETTLEMENTS_TOTAL,
    DEPLOYMENT_DECISIONS_TOTAL,
    STORED,
    SUBMISSION_CONFLICTS_TOTAL,
    WORKFLOW_DURATION_SECONDS,
    WORKFLOW_RUNS_TOTAL,
)
from schemas.metrics.fields import (
    counter_field,
    exemplar_text,
    histogram_field,
    histogram_fields,
    parse_exemplar,
    parse_field,
)
from schemas.metrics.labels import MOST_SETS


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
        assert buckets[repr(bound)] == sum(value <= bound for value in values)
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


def shown(fields: dict[str, float], name: str, places: Places | None = None) -> dict[tuple[str, ...], float]:
    """The samples of a counter by the values of its labels."""
    (family,) = [one for one in families(fields, places=places) if one.name == name.removesuffix("_total")]
    return {tuple(sample.labels.values()): sample.value for sample in family.samples if sample.name == name}


def runs(workflow: str, status: str = "succeeded") -> str:
    return counter_field(WORKFLOW_RUNS_TOTAL, (("workflow", workflow), ("status", status)))


def test_a_workflow_that_is_seen_has_a_zero_for_each_end() -> None:
    assert shown({runs("w"): 2}, WORKFLOW_RUNS_TOTAL) == {
        ("w", "succeeded"): 2,
        ("w", "failed"): 0,
        ("w", "canceled"): 0,
    }


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        (DEPLOYMENT_DECISIONS_TOTAL, ("rolled_back",)),
        (SUBMISSION_CONFLICTS_TOTAL, ()),
        (COST_SETTLEMENTS_TOTAL, ("presumed", "booked")),
    ],
)
def test_counters_without_open_labels_begin_with_zeros(name: str, labels: tuple[str, ...]) -> None:
    assert shown({}, name)[labels] == 0


def test_sets_without_a_place_are_added_up_and_nothing_is_lost() -> None:
    fields = {runs(f"w{n}"): float(n) for n in range(1, 6)} | {runs("w1", "failed"): 7}
    found = shown(fields, WORKFLOW_RUNS_TOTAL, Places(2))
    assert {labels[0] for labels in found} == {"w1", "w5", "other"}
    assert found["other", "succeeded"] == 2 + 3 + 4
    assert sum(found.values()) == sum(fields.values())


@given(st.lists(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 9), min_size=1), min_size=1, max_size=8))
def test_no_series_ever_falls(rounds: list[dict[str, int]]) -> None:
    places, fields = Places(3), dict[str, float]()
    before: dict[tuple[str, ...], float] = {}
    for added in rounds:
        for workflow, amount in added.items():
            fields[runs(workflow)] = fields.get(runs(workflow), 0) + amount
        now = shown(fields, WORKFLOW_RUNS_TOTAL, places)
        assert len({labels[0] for labels in now} - {"other"}) <= 3
        assert all(now.get(labels, 0) >= value for labels, value in before.items())
        before = now


def test_no_metric_shows_more_sets_than_its_bound() -> None:
    fields = {runs(f"w{n}"): 1.0 for n in range(3 * MOST_SETS)}
    assert len(shown(fields, WORKFLOW_RUNS_TOTAL)) == 3 * (MOST_SETS + 1)


def test_a_bucket_shows_its_trace_where_openmetrics_is_read() -> None:
    labels = (("workflow", "w"),)
    field, text = histogram_field(WORKFLOW_DURATION_SECONDS, labels, 0.3), exemplar_text("ab" * 16, 0.3, 1_500)
    fields = histogram_fields(WORKFLOW_DURATION_SECONDS, labels, 0.3)
    registry = CollectorRegistry()
    registry.register(Made(families(fields, {field: text, "unheard_bucket|le=1": text, "broken": "x"})))
    page = openmetrics(registry).decode()
    bucket = 'workflow_duration_seconds_bucket{le="0.5",workflow="w"} 1.0'
    assert f'{bucket} # {{trace_id="{"ab" * 16}"}} 0.3 1.5\n' in page
    assert page.count("trace_id") == 1
    assert "# EOF" in page
    assert "trace_id" not in generate_latest(registry).decode()


@pytest.mark.parametrize("text", ["", "abc", "abc 1.0", "abc x 1", "abc 1.0 y"])
def test_an_exemplar_that_cannot_be_read_is_none(text: str) -> None:
    assert parse_exemplar(text) is None


class Made(Collector):
    """Collects what was made."""

    def __init__(self, made: list[Family]) -> None:
        self._made = made

    def collect(self) -> list[Family]:
        return self._made
