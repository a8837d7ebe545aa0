"""Submission over HTTP: key check, validation, marker and the acknowledgement of all in-sync replicas in each request.

The client is aiohttp with keep-alive on this process' uvloop; its share of a core is printed, since the client must not
be the bottleneck. The roles work on the submitted runs meanwhile, on the same cores, as in production.
"""

import asyncio
import time

import aiohttp
import orjson

from bench import usage
from bench.lines import BenchError, Line, percentile
from bench.stage import Stage
from bench.workflows import INPUTS, THREE_STEPS

PATH = "/api/v1/workflows/runs"
BODY = orjson.dumps({"workflow_name": THREE_STEPS["name"], "inputs": INPUTS})
ACCEPTED = 202


async def measure(stage: Stage) -> list[Line]:
    """Return the submission lines."""
    rates, slow, busy = [], [], []
    for number in range(stage.sizes.rounds):
        stage.progress(f"submit: round {number + 1} of {stage.sizes.rounds}, {stage.sizes.submit_s:g} s")
        await stage.settle()
        own, start = usage.own_cpu_seconds(), time.perf_counter()
        accepted = await _round(stage)
        took = time.perf_counter() - start
        rates.append(len(accepted) / took)
        slow.append(percentile(list(accepted.values()), 0.99))
        busy.append((usage.own_cpu_seconds() - own) / took)
        # An accepted run that does not end was not accepted.
        await stage.ends.drain(set(accepted))
    how = (
        f"{stage.sizes.submit_connections} connections of aiohttp, which took {max(busy):.0%} of one core; "
        "the roles run what is submitted"
    )
    return [Line("submit_rps", "requests/s", tuple(rates), how), Line("submit_p99_ms", "ms", tuple(slow))]


async def _round(stage: Stage) -> dict[str, float]:
    """Return the accepted runs, each with the time of its request in milliseconds."""
    until = time.perf_counter() + stage.sizes.submit_s
    headers = {"Authorization": f"Bearer {stage.system.api_key}", "Content-Type": "application/json"}
    url = stage.system.api_url + PATH
    connector = aiohttp.TCPConnector(limit=stage.sizes.submit_connections)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        clients = [_submit_until(session, url, until) for _ in range(stage.sizes.submit_connections)]
        return {run: took for accepted in await asyncio.gather(*clients) for run, took in accepted.items()}


async def _submit_until(session: aiohttp.ClientSession, url: str, until: float) -> dict[str, float]:
    accepted: dict[str, float] = {}
    start = time.perf_counter()
    while start < until:
        async with session.post(url, data=BODY) as answer:
            text = await answer.text()
        if answer.status != ACCEPTED:
            raise BenchError(f"a submission was answered {answer.status}: {text}")
        now = time.perf_counter()
        accepted[orjson.loads(text)["id"]] = 1e3 * (now - start)
        start = now
    return accepted
