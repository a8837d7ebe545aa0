"""The roles' own figures, read from their ``/metrics``."""

import re
from collections import Counter
from collections.abc import Iterable

import aiohttp

from bench.lines import BenchError
from deploy.local.engines.ports import LOOPBACK
from deploy.local.roles import RoleProcess
from schemas.metrics import LAG_RECORDS, PARTITION_STATUS

_SAMPLE = re.compile(r"^(\w+)(?:\{([^}]*)\})? (\S+)", re.MULTILINE)
_STATUS = re.compile(r'status="(\w+)"')


def values(text: str, metric: str) -> list[tuple[str, float]]:
    """Return every sample of a metric in a page of metrics, as labels and value."""
    return [(labels, float(value)) for name, labels, value in _SAMPLE.findall(text) if name == metric]


def statuses(text: str) -> Counter[str]:
    """Return how many partitions have each status."""
    found: Counter[str] = Counter()
    for labels, value in values(text, PARTITION_STATUS):
        status = _STATUS.search(labels)
        if status is not None and value:
            found[status[1]] += int(value)
    return found


def lag(text: str) -> float:
    """Return the number of records that a process has not processed yet. Raises ``BenchError`` if it shows none."""
    lags = values(text, LAG_RECORDS)
    if not lags:
        raise BenchError("a role shows no lag on its metrics, so its completion cannot be observed")
    return sum(value for _, value in lags)


async def page(http: aiohttp.ClientSession, port: object) -> str:
    """Return a process' page of metrics."""
    async with http.get(f"http://{LOOPBACK}:{port}/metrics") as answer:
        return await answer.text()


async def pages(http: aiohttp.ClientSession, roles: Iterable[RoleProcess]) -> list[str]:
    """Return the pages of all processes that serve one."""
    return [await page(http, role.ready["metrics_port"]) for role in roles if "metrics_port" in role.ready]
