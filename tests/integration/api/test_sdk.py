"""The SDK's client against the real API: the guide's usage, and submissions while the connection fails."""

import asyncio
import random
from collections.abc import AsyncIterator

import httpx
import pytest
from agentflow import AsyncClient, Retries, Workflow
from agentflow.errors import Conflict, Invalid, NotFound, Unauthenticated

from schemas.records.run_events import RunSubmitted
from tests.support.api import INPUTS, Running
from topics.catalogue import RUN_EVENTS

SUBMITS, SHARE = 1_000, 0.2


class Faulty(httpx.AsyncBaseTransport):
    """Injects faults between a client and the API: dropped sockets before and after the work, 503 and 429."""

    def __init__(self, api: Running, share: float) -> None:
        self._to = httpx.ASGITransport(api.app)
        self._share = share
        self._random = random.Random(13)
        self.faults = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        fault = self._random.randrange(4) if self._random.random() < self._share else None
        self.faults += fault is not None
        if fault == 0:
            raise httpx.ReadError("dropped before")
        if fault in (1, 2):
            return httpx.Response((503, 429)[fault - 1], headers={"Retry-After": "0"})
        answer = await self._to.handle_async_request(request)
        if fault == 3:
            await answer.aread()
            raise httpx.RemoteProtocolError("dropped after")
        return answer


@pytest.fixture
async def client(api: Running) -> AsyncIterator[AsyncClient]:
    transport = httpx.ASGITransport(api.app)
    async with AsyncClient("http://api", api.api_key, api.org_id, transport=transport) as found:
        yield found


def client_of(api: Running, transport: httpx.AsyncBaseTransport, key: str | None = None) -> AsyncClient:
    retries = Retries(most=12, first_s=0.002, longest_s=0.05)
    return AsyncClient("http://api", key or api.api_key, api.org_id, transport=transport, retries=retries)


async def test_a_thousand_submissions_under_faults_are_a_thousand_runs(api: Running) -> None:
    await api.define_greeting()
    faulty = Faulty(api, SHARE)
    at_once = asyncio.Semaphore(32)
    async with client_of(api, faulty) as client:

        async def submit(number: int) -> str:
            async with at_once:
                inputs = {**INPUTS, "name": f"Ada {number}"}
                return (await client.workflows.submit("greeting", inputs)).id

        runs = await asyncio.gather(*map(submit, range(SUBMITS)))
    in_log = {record.run_id for record in api.log.decoded(RUN_EVENTS) if isinstance(record, RunSubmitted)}
    assert faulty.faults > SUBMITS * SHARE * 0.8
    assert len(set(runs)) == SUBMITS
    assert in_log == set(runs)


async def test_prompts_and_workflows_are_made_and_runs_submitted_read_and_canceled(client: AsyncClient) -> None:
    prompt = await client.prompts.create(name="greeter", template="Greet {{name}}")
    assert (prompt.name, prompt.version) == ("greeter", 1)
    workflow = Workflow("hello").llm("greet", "greeter@1").inputs(name="{{name}}").end()
    assert (await client.workflows.validate(workflow)).new
    assert (await client.workflows.register(workflow)).required_inputs == ["name"]
    assert [one.name for one in (await client.workflows.definitions()).workflows] == ["hello"]
    assert (await client.workflows.preview("hello", {"name": "Ada"})).workflow_version == 1
    run = await client.workflows.submit("hello", {"name": "Ada"}, budget_cents="12.5", tags={"team": "docs"})
    again = await client.workflows.get(run.id)
    assert (again.status, str(again.budget_cents)) == ("queued", "12.5")
    assert (await client.workflows.cancel(run.id, "enough")).id == run.id


async def test_money_limits_and_keys_have_their_operations(client: AsyncClient) -> None:
    budget = await client.budgets.create(limit_usd="100", period="day")
    assert (await client.budgets.change(budget.id, version=1, paused=True)).paused
    with pytest.raises(Conflict):
        await client.budgets.change(budget.id, version=1, paused=False)
    await client.budgets.delete(budget.id)
    assert (await client.limits.put(max_running_runs=5)).max_running_runs == 5
    key = await client.keys.create(name="ci", permissions=["read"])
    assert key.id in {one.id for one in (await client.keys.list()).keys}
    await client.keys.revoke(key.id)
    assert (await client.system.health()).status == "ok"
    assert (await client.system.ready()).dependencies


async def test_errors_are_typed_and_have_their_problems(api: Running, client: AsyncClient) -> None:
    with pytest.raises(NotFound):
        await client.workflows.definition("nothing")
    with pytest.raises(Invalid) as failed:
        await client.budgets.create(limit_usd="-1")
    assert failed.value.type == "invalid-input"
    assert failed.value.problems[0].path == "limit_usd"
    async with client_of(api, httpx.ASGITransport(api.app), "af_unknown") as stranger:
        with pytest.raises(Unauthenticated):
            await stranger.workflows.list()
