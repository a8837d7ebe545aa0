"""The counting job on our engine: Faust transport, fenced commits in Redis, one output a record.

``python -m bench.measures.engine …`` prints one JSON line with the records per second from the first commit to the
last.
"""

import argparse
import asyncio
import logging
import sys
import time
import uuid
from typing import Any

import orjson
import uvloop
from redis.asyncio import Redis

from bench.counting import CountFold, CountInbox
from connectors.aio.clock import WallClock
from connectors.kafka.log import KafkaLog
from connectors.memory.checkpoints import MemoryCheckpoints
from connectors.ports.engine import OutRecord, Position
from connectors.redis.fenced_table import RedisTable
from streams.runtime.consumer.transport import Member, PollApp, Reads
from streams.runtime.table.agent import TableAgent
from streams.runtime.table.spec import Ports, TableSpec

PARTITIONS = 4


async def run(bootstrap: str, redis_url: str, source: str, target: str, records: int) -> float:
    """Count ``records`` records of ``source`` into ``target``; return records per second."""

    def out(record: Any) -> OutRecord:
        body = {"key": record.key, "count": record.count, "body": record.body}
        return OutRecord(target, record.key.encode(), orjson.dumps(body))

    redis = Redis.from_url(redis_url)
    name = f"bench{uuid.uuid4().hex}"
    async with KafkaLog(bootstrap) as log:
        table = RedisTable(redis, name)
        await _begin_at_zero(table, await log.incarnation(source))
        spec = TableSpec(topic=source, fold=CountFold(), inbox=CountInbox(), out=out)
        ports = Ports(table=table, log=log, checkpoints=MemoryCheckpoints(), clock=WallClock())
        agent = TableAgent(spec, ports)
        app = PollApp(name, agent, Reads(topics=(source,)), Member(bootstrap=bootstrap))
        await app.start()
        rate = await _measure(agent, records)
        await app.stop()
    await redis.aclose()
    return rate


async def _begin_at_zero(table: RedisTable, incarnation: str) -> None:
    """Give the table a position, else the first take would restore from the log, which is another job."""
    for partition in range(PARTITIONS):
        taken = await table.take(partition, incarnation)
        await table.begin(partition, taken.epoch, incarnation, Position(0, 0))
        await table.open(partition, taken.epoch, 0)


async def _measure(agent: TableAgent, records: int) -> float:
    first: tuple[float, int] | None = None
    deadline = time.perf_counter() + 120
    while time.perf_counter() < deadline:
        done = sum(owned.committed for owned in agent.partitions().values())
        now = time.perf_counter()
        if done and first is None:
            first = (now, done)
        if done >= records and first is not None:
            return (done - first[1]) / (now - first[0])
        await asyncio.sleep(0.005)
    return 0.0


def main() -> int:
    """Run the job and print its figure."""
    logging.basicConfig(level=logging.ERROR)
    parser = argparse.ArgumentParser(prog="python -m bench.measures.engine")
    for name in ("--bootstrap", "--redis", "--source", "--target"):
        parser.add_argument(name, required=True)
    parser.add_argument("--records", type=int, required=True)
    args = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        rate = runner.run(run(args.bootstrap, args.redis, args.source, args.target, args.records))
    sys.stdout.write(orjson.dumps({"records_per_s": rate}).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
