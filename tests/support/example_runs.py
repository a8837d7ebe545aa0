"""Runs of an example on a whole system, and every store checked after them."""

import asyncio

import httpx

from deploy.local.system import ORG, PARTITIONS, System
from tests.support.checker import Checker, Report
from tests.support.client import document, submission, submit, wait_for_run

RUNS = 3


def end_of_example_runs(system: System, deadline_s: float, *, request_s: float = 10.0) -> Report:
    """Run a map over a document three times; return what the stores have, once all agree or time is up.

    The examples must be registered. ``request_s`` is how long one request may take.
    """
    wanted = submission("map_reduce_analysis", {"text": document("declaration-of-independence.txt")})
    with system.client() as client:
        client.timeout = httpx.Timeout(request_s)
        runs = [submit(client, wanted) for _ in range(RUNS)]
        ended = [wait_for_run(client, run, deadline_s) for run in runs]
    assert [run["status"] for run in ended] == ["succeeded"] * RUNS
    return asyncio.run(Checker(system.endpoints, PARTITIONS, ORG, set(runs)).settled(deadline_s))
