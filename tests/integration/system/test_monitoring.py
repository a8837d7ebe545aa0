"""A real Prometheus and Alertmanager on a running system: alerts reach a webhook and resolve, no panel is empty."""

import time
from collections.abc import Iterator

import pytest

from bench.observability import alerting
from bench.observability.alerting import ALERTS, CHEAP, DEAR, FAILS, Stand, load, search_values, standing
from bench.observability.grafana_queries import Asked, promql_of
from bench.observability.monitoring import tools, values_of
from bench.prove.observability.metrics import shown_money
from deploy.grafana.model import Prom
from deploy.grafana.pages import DASHBOARDS
from deploy.local.engines.progress import silent
from deploy.local.system import ORG
from tests.support.polling import until

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(
        tools() is None,
        reason="NOT CHECKED: no alert fired for real; install the packages prometheus and prometheus-alertmanager",
    ),
]
DEADLINE_S = 60.0
PROM = [
    pytest.param(query, id=f"{dashboard.title}: {panel.title} {number}")
    for dashboard in DASHBOARDS
    for panel in dashboard.panels
    for number, query in enumerate(panel.queries, 1)
    if isinstance(query, Prom)
]


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(tmp_path_factory.mktemp("monitoring"), silent) as made:
        yield made


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_reaches_the_webhook_within_half_a_minute_and_resolves(stand: Stand, name: str) -> None:
    times = ALERTS[name](stand)
    assert times.fired_s < alerting.WITHIN_S
    assert times.resolved_s < alerting.RESOLVED_WITHIN_S


def test_the_sample_for_the_panels_has_run(stand: Stand) -> None:
    """Calls that cost, fail, are tried again and are answered from the cache; a policy; a budget; pushes."""
    search_values(stand)
    with load(stand, CHEAP, DEAR, FAILS):
        until(lambda: values_of(stand.monitoring.query("sum(step_retries_total) > 0")), DEADLINE_S, "retries")
        until(lambda: values_of(stand.monitoring.query("sum(cache_hits_total) > 0")), DEADLINE_S, "cache hits")
        until(lambda: len(stand.receiver.lines) > 5, DEADLINE_S, "pushes")
        time.sleep(12)  # rates need a time to be of: here ten seconds of scrapes
    assert stand.receiver.refused == []


@pytest.mark.parametrize("query", PROM)
def test_no_query_of_a_panel_is_empty_or_refused(stand: Stand, query: Prom) -> None:
    now = time.time()
    asked = Asked(int(stand.since_s), int(now), [ORG])
    series = stand.monitoring.query_range(promql_of(query.expr, asked, "10s"), now - 60, now)
    assert values_of(series), query.expr


def test_points_of_durations_are_traces_of_runs(stand: Stand) -> None:
    found = stand.monitoring.exemplars("workflow_duration_seconds_bucket", stand.since_s, time.time())
    traces = {one["labels"]["trace_id"] for series in found for one in series["exemplars"]}
    assert traces
    assert all(len(trace) == 32 for trace in traces)


async def test_the_money_of_the_panel_is_that_of_the_budget_and_of_the_live_stream(stand: Stand) -> None:
    sums = await shown_money(stand)
    assert len(set(sums.values())) == 1, sums
    assert sums["panel"] > 0
