"""Lines of metrics: alerts that reach a webhook, and panels of dashboards that have something to show.

A whole system under load, Debian's Prometheus and Alertmanager, the rules, alerts and dashboards of this repository.
Without those programs nothing is measured. Times of rules are divided by ``FASTER``, see ``bench.observability``.
"""

import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import partial
from pathlib import Path

from bench.lines import BenchError, Line
from bench.observability.alerting import ALERTS, BUDGETS, CHEAP, DEAR, FAILS, Stand, load, search_values, standing
from bench.observability.grafana_queries import Asked, promql_of, sql_of
from bench.observability.monitoring import FASTER, tools, values_of
from bench.prove.area import Aim, at_least, at_most, line_of
from connectors.clickhouse.client import ClickHouse
from deploy.grafana.model import Live, Prom, Query, Sql
from deploy.grafana.pages import DASHBOARDS
from deploy.local.engines.progress import Progress
from deploy.local.system import ORG

#: Rows, budgets and pushes follow the ledger; so long they may take to.
AGREE_S = 60.0
_LOOK_S = 0.5
SPENT = next(
    query
    for dashboard in DASHBOARDS
    for panel in dashboard.panels
    for query in panel.queries
    if panel.title == "Spent" and isinstance(query, Sql)
)

AIMS = (
    *(Aim(f"alert_{name}_fires", "s", at_most(30), at_most(15)) for name in ALERTS),
    *(Aim(f"alert_{name}_resolves", "s", at_most(120), at_most(75)) for name in ALERTS),
    Aim("dashboard_queries", "queries", at_least(50), at_least(50)),
    Aim("dashboard_queries_empty", "queries", at_most(0), at_most(0)),
    Aim("dashboard_queries_refused", "queries", at_most(0), at_most(0)),
    Aim("dashboard_money_off_nano", "nano-dollars", at_most(0), at_most(0)),
)
_line = partial(line_of, AIMS)
#: So long a mixed load runs before the panels are asked.
SAMPLE_S = 25.0


async def shown_money(stand: Stand) -> dict[str, Decimal]:
    """Return the dollars in each place, once all have the same or after ``AGREE_S``. The stand must have its budget."""
    store = ClickHouse(stand.system.endpoints.clickhouse_url, "agentflow")
    asked = Asked(int(stand.since_s) - 600, int(time.time()) + 600, [ORG])
    [budget] = stand.client.get(BUDGETS).raise_for_status().json()["budgets"]
    panel = sql_of(SPENT.text, asked).replace("sum(nano) / 1e9", "sum(nano)")
    end = time.monotonic() + AGREE_S
    while True:
        status = stand.client.get(f"{BUDGETS}/{budget['id']}/status").raise_for_status().json()
        [(nano,)] = await store.query(panel)
        pushed = sum((Decimal(line.fields["settled_usd"]) for line in list(stand.receiver.lines)), Decimal())
        sums = {"budget": Decimal(status["spent_usd"]), "panel": Decimal(int(str(nano))) / 10**9, "live": pushed}
        if (pushed and len(set(sums.values())) == 1) or time.monotonic() > end:
            break
        await asyncio.sleep(_LOOK_S)
    await store.close()
    return sums


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Start everything, measure, stop it. A quick run leaves all out: it takes minutes. Raises ``BenchError``."""
    if quick or tools() is None:
        progress("metrics: nothing is measured: a quick run, or prometheus and prometheus-alertmanager are missing")
        return []
    with tempfile.TemporaryDirectory() as home, standing(Path(home), progress) as stand:
        return list(_lines(stand, progress))


def _lines(stand: Stand, progress: Progress) -> Iterator[Line]:
    for name, condition in ALERTS.items():
        progress(f"metrics: the alert about {name}")
        times = condition(stand)
        yield _line(f"alert_{name}_fires", times.fired_s, f"times of rules divided by {FASTER}")
        yield _line(f"alert_{name}_resolves", times.resolved_s)
    progress("metrics: the sample for the dashboards")
    search_values(stand)
    with load(stand, CHEAP, DEAR, FAILS):
        time.sleep(SAMPLE_S)
        asked, empty, refused = asyncio.run(_asked(stand))
    yield _line("dashboard_queries", asked, "of Prometheus and ClickHouse; those of Grafana Live have no query")
    yield _line("dashboard_queries_empty", len(empty), ", ".join(empty))
    yield _line("dashboard_queries_refused", len(refused), ", ".join(refused))
    money = asyncio.run(shown_money(stand))
    off = int((max(money.values()) - min(money.values())) * 10**9)
    yield _line("dashboard_money_off_nano", off, ", ".join(f"{place} {usd} USD" for place, usd in money.items()))


async def _asked(stand: Stand) -> tuple[int, list[str], list[str]]:
    """Return how many queries of panels were executed, which had no value, and which were refused."""
    store = ClickHouse(stand.system.endpoints.clickhouse_url, "agentflow")
    [(trace,)] = await store.query("SELECT trace_id FROM trace_spans LIMIT 1")
    asked = Asked(int(stand.since_s) - 60, int(time.time()) + 60, [ORG], str(trace))
    number, empty, refused = 0, list[str](), list[str]()
    for dashboard in DASHBOARDS:
        for panel in dashboard.panels:
            for query in panel.queries:
                if isinstance(query, Live):
                    continue
                number += 1
                found: bool | None = None
                with suppress(Exception):  # whatever the engine says against a query, it is refused
                    found = await _has_values(stand, store, query, asked)
                if found is None:
                    refused.append(f"{dashboard.title}: {panel.title}")
                elif not found:
                    empty.append(f"{dashboard.title}: {panel.title}")
    await store.close()
    return number, empty, refused


async def _has_values(stand: Stand, store: ClickHouse, query: Query, asked: Asked) -> bool:
    if isinstance(query, Prom):
        now = time.time()
        series = stand.monitoring.query_range(promql_of(query.expr, asked, "10s"), now - 60, now)
        return bool(values_of(series))
    if isinstance(query, Live):
        raise BenchError("a live stream has no query")
    return bool(await store.query(sql_of(query.text, asked)))
