"""What a model call costs besides the model: every stage, real quotas, holds and announcements, and an instant answer.

Beside it, what two scripts cost by the pipelined client and by redis-py's, as a quota and a hold do.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import uvloop
from redis.asyncio import Redis

from bench.lines import Line, percentile
from bench.plan import Sizes
from connectors.aio.clock import WallClock
from connectors.kafka.log import KafkaLog
from connectors.objects.store import LocalObjects
from connectors.ports.engine import Position
from connectors.prices.book import PriceBook
from connectors.providers.local.provider import LocalProvider
from connectors.redis.client import connect, connect_pipelined
from connectors.redis.fenced_table import RedisTable
from connectors.redis.holds import RedisHolds
from connectors.redis.keys import budgets_slot
from connectors.redis.quotas import RedisQuotas
from connectors.redis.response_cache import RedisResponseCache, bounds_of
from deploy.local.engines import Endpoints, EngineStack
from deploy.local.engines.progress import Progress
from deploy.local.system import ORG, PARTITIONS
from schemas.budgets import Budget
from schemas.records.definitions import Definition
from schemas.settings import Cache
from services.budgets.definitions import BudgetDefinitions
from services.caching.ports import CachePorts
from services.calls.call import Call, Content, Origin, Proceed, Template, Trace
from services.calls.cancellation import Cancellations
from services.calls.ledger import Ledger
from services.calls.pipeline import call_stages, compose
from services.calls.ports import CallPorts
from services.quotas.keeper import QuotaKeeper
from services.quotas.learned import debt
from services.quotas.rules import PlatformLimits, QuotaRules, QuotasFile
from services.routing.router import RouteTable
from streams.roles.worker.producer import Outbox
from streams.runtime.routing import to_out
from topics.admin import TopicAdmin
from topics.catalogue import wanted

AT_ONCE = 32
HOLD_TTL_MS = 120_000
#: Limits that are counted and never reached.
FILE = QuotasFile(limits=(PlatformLimits(provider="local", requests_per_minute=10**11, tokens_per_minute=10**12),))
_READ = "return redis.call('HGETALL', KEYS[1])"
_WRITE = "return redis.call('HSET', KEYS[1], 'a', ARGV[1])"


def measure(data_dir: Path, sizes: Sizes, progress: Progress) -> list[Line]:
    """Return the lines."""
    with EngineStack(data_dir, {"kafka", "redis"}, durable=False, progress=progress) as endpoints:
        rounds = [uvloop.run(_round(endpoints, data_dir, sizes, number)) for number in range(sizes.rounds)]
        progress(f"calls: {2 * sizes.calls} scripts by each client")
        clients = {
            name: tuple(uvloop.run(_scripts(make(endpoints.redis_url), sizes.calls)) for _ in range(sizes.rounds))
            for name, make in (("", connect_pipelined), ("redis_py_", connect))
        }
    how = f"{sizes.calls} calls"
    return [
        Line("call_overhead_ms", "ms", tuple(one[0] for one in rounds), f"p50 of {how} one after the other"),
        Line("call_overhead_p99_ms", "ms", tuple(one[1] for one in rounds)),
        Line("calls_per_s", "calls/s", tuple(one[2] for one in rounds), f"{how}, {AT_ONCE} at once, one process"),
        Line("call_cpu_ms", "ms", tuple(one[3] for one in rounds), f"of the process, {AT_ONCE} at once"),
        *(Line(f"{name}two_scripts_cpu_ms", "ms", found, f"{AT_ONCE} at once") for name, found in clients.items()),
    ]


async def _round(endpoints: Endpoints, data_dir: Path, sizes: Sizes, number: int) -> tuple[float, float, float, float]:
    """Return the p50 and p99 of a call alone in ms, calls a second, and CPU of a call in ms."""
    if number == 0:
        async with TopicAdmin(endpoints.kafka_bootstrap) as admin:
            await admin.create(wanted((ORG,)), PARTITIONS, 1)
    async with _pipeline(endpoints, data_dir) as make:
        numbers = count()
        await _calls(make, numbers, sizes.calls // 5, AT_ONCE)
        alone = [await _timed(make, next(numbers)) for _ in range(sizes.calls // 5)]
        began_s, cpu_s = time.perf_counter(), time.process_time()
        await _calls(make, numbers, sizes.calls, AT_ONCE)
        took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    return percentile(alone, 0.5), percentile(alone, 0.99), sizes.calls / took_s, 1000 * cpu_s / sizes.calls


@asynccontextmanager
async def _pipeline(endpoints: Endpoints, data_dir: Path) -> AsyncIterator[Proceed]:
    """Yield what makes a call, as a worker has it."""
    clock, redis = WallClock(), connect_pipelined(endpoints.redis_url)
    await _open_budgets(redis)
    async with KafkaLog(endpoints.kafka_bootstrap) as log:
        outbox = Outbox(log, clock)
        ports = CallPorts(
            providers={"local": LocalProvider()},
            router=RouteTable(),
            prices=PriceBook.load(),
            holds=RedisHolds(redis, _budgets(), PARTITIONS, HOLD_TTL_MS),
            announce=lambda call: outbox.send([to_out(call)]),
            cache=CachePorts(RedisResponseCache(redis, bounds_of(Cache()))),
            objects=LocalObjects(data_dir / "objects"),
            clock=clock,
            aborts=Cancellations(clock),
            hold_ttl_ms=HOLD_TTL_MS,
            quotas=QuotaKeeper(QuotaRules(FILE), RedisQuotas(redis, debt), {}),
        )
        yield compose(call_stages(ports))
        await outbox.close()
    await redis.aclose()


def _budgets() -> BudgetDefinitions:
    budget = Budget(id="b", org_id=ORG, name="all", limit_nano=2**53 - 1)
    definitions = BudgetDefinitions()
    definitions.apply(Definition(kind="budget", org_id=ORG, id="b", body=budget.body(), changed_at_ms=0))
    definitions.mark_loaded()
    return definitions


async def _open_budgets(redis: Redis) -> None:
    """Open the organisation's partition of the budgets table, as its owner does."""
    table, partition = RedisTable(redis, "budgets"), budgets_slot(ORG, PARTITIONS).partition
    taken = await table.take(partition, "bench")
    await table.begin(partition, taken.epoch, "bench", Position(0, 0))
    await table.open(partition, taken.epoch, 0)


async def _calls(make: Proceed, numbers: Iterator[int], calls: int, at_once: int) -> None:
    left = iter(range(calls))

    async def caller() -> None:
        for _ in left:
            await make(_call(next(numbers)))

    await asyncio.gather(*(caller() for _ in range(at_once)))


async def _timed(make: Proceed, number: int) -> float:
    began_s = time.perf_counter()
    await make(_call(number))
    return 1000 * (time.perf_counter() - began_s)


def _call(number: int) -> Call:
    request_id = f"{uuid.uuid4()}:ask:1"
    return Call(
        org_id=ORG,
        call_id=f"{request_id}@{number}#1",
        idempotency_key=request_id,
        origin=Origin(request_id=request_id, workflow_name="bench", run_id=request_id, step_id="ask", attempt=1),
        trace=Trace(trace_id="0" * 32, span_id="0" * 16),
        tier="silver",
        content=Content(
            max_tokens=64, template=Template(name="ask", version=1, text="Say {{word}}", args={"word": str(number)})
        ),
        ledger=Ledger(),
        timeout_s=30.0,
    )


async def _scripts(redis: Redis, pairs: int) -> float:
    """Return the CPU in ms of two scripts, as many at once as calls are."""
    write: Callable[..., Awaitable[object]] = redis.register_script(_WRITE)
    read: Callable[..., Awaitable[object]] = redis.register_script(_READ)
    left = iter(range(pairs))

    async def caller() -> None:
        for _ in left:
            await write(keys=["{bench}:scripts"], args=["x" * 200])
            await read(keys=["{bench}:scripts"])

    await asyncio.gather(write(keys=["{bench}:scripts"], args=["x"]), read(keys=["{bench}:scripts"]))
    cpu_s = time.process_time()
    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    cpu_s = time.process_time() - cpu_s
    await redis.aclose()
    return 1000 * cpu_s / pairs
