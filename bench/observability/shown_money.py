"""The money that is shown: in a panel of a dashboard, by a budget, and pushed to Grafana Live. Each is the ledger's."""

import asyncio
import time
from decimal import Decimal

from bench.observability.alerting import BUDGETS, Stand
from bench.observability.grafana_queries import Asked, sql_of
from connectors.clickhouse.client import ClickHouse
from deploy.grafana.model import Sql
from deploy.grafana.pages import DASHBOARDS
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
