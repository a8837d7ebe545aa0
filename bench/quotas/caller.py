"""``python -m bench.quotas.caller <redis url> <provider url> <seconds>``: a worker process that always has more.

Three organisations have very unequal numbers of calls. Each call passes the stages that a worker's calls pass, from the
quota to the provider; what is deferred comes back after its time, as a step does.
"""

import asyncio
import random
import sys
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import uvloop
from msgspec import structs

from bench.quotas.provider import MINUTE_S, REQUESTS, TOKENS
from connectors.aio.clock import WallClock
from connectors.objects.store import LocalObjects
from connectors.prices.book import PriceBook
from connectors.providers.base import ModelRequest, ModelResponse
from connectors.providers.images import ImageInput
from connectors.providers.rate_limits import observed
from connectors.redis.client import connect_pipelined
from connectors.redis.quotas import RedisQuotas
from schemas.clock import utc_now
from schemas.errors import StepError
from schemas.records.base import Usage
from services.calls.call import Call, Content, Origin, Proceed, Trace
from services.calls.cancellation import Cancellations
from services.calls.ledger import Ledger
from services.calls.pipeline import compose
from services.calls.stages.invoke import Invoke
from services.calls.stages.quota import Quota
from services.calls.stages.settle import Settle
from services.calls.timeouts import Deferred
from services.quotas.keeper import QuotaKeeper
from services.quotas.learned import debt
from services.quotas.rules import PlatformLimits, QuotaRules, QuotasFile
from services.routing.router import Route

#: Callers of each organisation in each process.
CALLERS = {"a": 20, "b": 12, "c": 6}
MODEL = "gpt-4o"
FILE = QuotasFile(limits=(PlatformLimits(provider="openai", requests_per_minute=REQUESTS, tokens_per_minute=TOKENS),))


class Asking:
    """Asks a ``LimitedProvider``; it reads rate-limit headers as every provider's client does."""

    name = "openai"

    def __init__(self, url: str) -> None:
        self._url = f"{url}/chat/completions"
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def complete(self, request: ModelRequest) -> ModelResponse:
        body = {"messages": [{"role": "user", "content": request.prompt}], "max_tokens": request.max_tokens}
        async with self._session.post(self._url, json=body) as answer:
            if answer.status == 429:
                wait_ms = int(answer.headers["retry-after-ms"])
                raise StepError("rate_limited", "429", retryable=True, retry_after_ms=wait_ms)
            counts = (await answer.json())["usage"]
        usage = Usage(input_tokens=counts["prompt_tokens"], output_tokens=counts["completion_tokens"])
        return ModelResponse("x", usage, limits=observed(answer.headers, utc_now()))

    def count_tokens(self, model: str, text: str) -> int:
        return len(text)

    def picture_tokens(self, model: str, pictures: Sequence[ImageInput]) -> int:
        return 0

    def added_tokens(self, tools: int, *, has_schema: bool) -> int:
        return 0

    async def close(self) -> None:
        await self._session.close()


def stages(redis_url: str, asking: Asking) -> Proceed:
    """Return what makes a call."""
    clock = WallClock()
    quotas = RedisQuotas(connect_pipelined(redis_url), debt, minute_ms=int(MINUTE_S * 1000))
    return compose(
        [
            Quota(QuotaKeeper(QuotaRules(FILE), quotas, {"openai": "key"}), clock),
            Settle(PriceBook.load(), LocalObjects(Path(tempfile.gettempdir())), clock),
            Invoke({"openai": asking}, Cancellations(clock)),
        ]
    )


def call_of(org: str) -> Call:
    """Return a call of an organisation: 20 to 60 tokens in and at most 100 out."""
    request_id = uuid.uuid4().hex
    prompt = f"{org} " + "words and more words " * random.randint(4, 12)  # noqa: S311
    return Call(
        org_id=org,
        call_id=request_id,
        idempotency_key=request_id,
        origin=Origin(request_id=request_id, workflow_name=f"flow-{org}"),
        trace=Trace(trace_id="0" * 32, span_id="0" * 16),
        tier="silver",
        content=Content(max_tokens=100, prompt=prompt),
        ledger=Ledger(),
        timeout_s=30.0,
        capture="none",
        route=Route("openai", MODEL),
        input_tokens=len(prompt),
    )


async def ask_on(make: Proceed, org: str) -> None:
    """Make one call after the other, each until it has an answer."""
    while True:
        call = call_of(org)
        while True:
            try:
                await make(structs.replace(call, ledger=Ledger()))
                break
            except Deferred as exc:
                await asyncio.sleep(exc.wait_s)
            except StepError as exc:
                await asyncio.sleep((exc.retry_after_ms or 100) / 1000)


async def main(redis_url: str, provider_url: str, seconds: float) -> None:
    """Call until the time is over."""
    asking = Asking(provider_url)
    make = stages(redis_url, asking)
    callers = [asyncio.create_task(ask_on(make, org)) for org, number in CALLERS.items() for _ in range(number)]
    done, _ = await asyncio.wait(callers, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for caller in done:
        caller.result()
    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    await asking.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
