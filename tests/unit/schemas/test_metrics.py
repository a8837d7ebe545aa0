"""Names of metrics follow one scheme, and only one module makes metrics of the client library."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from connectors.prometheus import families
from schemas import metrics
from schemas.metrics import SERVED, STORED, Metric

ROOT = Path(__file__).parents[3]
PACKAGES = ("schemas", "topics", "connectors", "services", "streams", "api", "deploy", "bench")
FACTORY = ROOT / "connectors" / "prometheus" / "families.py"
#: As the guide names them.
GUIDE = {
    "workflow_runs_total",
    "workflow_duration_seconds",
    "workflow_cost_cents",
    "step_retries_total",
    "cache_hits_total",
    "provider_requests_total",
}
_ROLES = (
    "orchestrator|budgets|admission|routes|deployments|scheduler|batches|leases|scores|quality|audit|live_cost|otlp_export|worker|api"
    "|webhooks|bridge|triggers"
    "|role"
)
_COUNTED = "records|partitions|keys|runs|attempts|calls|leases|requests|submissions|streams|circuits|lines|nanodollars"
SCHEME = re.compile(rf"agentflow_({_ROLES})(_[a-z]+)*_(total|seconds|bytes|ratio|{_COUNTED}|ready|up|status)")
MADE = re.compile(r"(Counter|Gauge|Histogram|Summary|Info|Enum)(MetricFamily)?")
DECLARED = [*STORED.values(), *SERVED.values()]


@pytest.mark.parametrize("metric", DECLARED, ids=lambda metric: metric.name)
def test_name_follows_the_scheme_or_is_the_guides(metric: Metric) -> None:
    assert metric.name in GUIDE or SCHEME.fullmatch(metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert bool(metric.buckets) == (metric.kind == "histogram")


@pytest.mark.parametrize("metric", DECLARED, ids=lambda metric: metric.name)
def test_help_is_one_sentence(metric: Metric) -> None:
    assert re.fullmatch(r"[A-Z1][^.]*(sla_ms)?\.", metric.help)


@pytest.mark.parametrize(
    "name",
    [
        "worker_steps_total",
        "agentflow_steps_total",
        "agentflow_worker_steps",
        "agentflow_worker_duration_ms",
    ],
)
def test_name_out_of_the_scheme_is_found(name: str) -> None:
    assert not SCHEME.fullmatch(name)


def test_metrics_of_the_guide_are_stored() -> None:
    assert STORED.keys() >= GUIDE


def test_every_name_is_declared_once() -> None:
    names = [value for name, value in vars(metrics).items() if re.fullmatch(r"[A-Z_]+(TOTAL|SECONDS)", name)]
    names = [name for name in names if isinstance(name, str)]
    assert len(set(names)) == len(names)
    assert set(names) <= {metric.name for metric in DECLARED}
    assert len({metric.name for metric in DECLARED}) == len(DECLARED)


def made(source: str) -> Iterator[int]:
    """Yield the lines that make a metric of the client library."""
    tree = ast.parse(source)
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("prometheus_client")
        for alias in node.names
        if MADE.fullmatch(alias.name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            attribute = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            root = node.func.value if isinstance(node.func, ast.Attribute) else None
            of_client = isinstance(root, ast.Name) and root.id == "prometheus_client"
            if name in imported or (of_client and MADE.fullmatch(attribute)):
                yield node.lineno


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_module_makes_metrics(package: str) -> None:
    paths = [path for path in (ROOT / package).rglob("*.py") if path != FACTORY]
    assert [(str(path), line) for path in paths for line in made(path.read_text("utf-8"))] == []


@pytest.mark.parametrize(
    "source",
    [
        "from prometheus_client import Counter\nCounter('a', 'b')",
        "from prometheus_client.core import GaugeMetricFamily as G\nG('a', 'b')",
        "import prometheus_client\nprometheus_client.Histogram('a', 'b')",
    ],
)
def test_metric_made_elsewhere_is_found(source: str) -> None:
    assert list(made(source)) == [2]


def test_factory_makes_what_is_declared() -> None:
    registry = CollectorRegistry()
    families.counter(metrics.API_REQUESTS_TOTAL, registry).labels("GET", "/x", "200").inc()
    families.histogram(metrics.API_REQUEST_SECONDS, registry).labels("/x").observe(0.2)
    families.gauge(metrics.API_EVENT_STREAMS, registry).set(3)
    page = generate_latest(registry).decode()
    assert 'agentflow_api_requests_total{method="GET",route="/x",status="200"} 1.0' in page
    assert 'agentflow_api_request_seconds_bucket{le="0.25",route="/x"} 1.0' in page
    assert "agentflow_api_open_event_streams 3.0" in page


@pytest.mark.parametrize("name", ["absent", metrics.API_EVENT_STREAMS])
def test_factory_refuses_what_is_not_declared_as_that_kind(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        families.counter(name, CollectorRegistry())
