"""The counting job on stock Faust, as its documentation writes it: an agent, a table, one send a record.

``python -m bench.measures.stock.stock_faust --bootstrap HOST:PORT --records N`` prints one JSON line with the records
per second from the first record to the last. It runs in a process of its own, so that our engine's transport is not in
the way.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
import uuid
from typing import Any

import faust
import orjson
import uvloop

# As fair as it gets: Faust's debug log records on every send are switched off here too.
logging.basicConfig(level=logging.ERROR)

PARTITIONS = 4


async def run(bootstrap: str, source: str, target: str, records: int) -> float:
    """Count ``records`` records of ``source`` into ``target``; return records per second."""
    app = faust.App(
        f"stock-{uuid.uuid4().hex}",
        broker=f"aiokafka://{bootstrap}",
        store="memory://",
        datadir=tempfile.mkdtemp(prefix="stock-faust-"),
        topic_partitions=PARTITIONS,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
    )
    counts = app.Table("counts", default=int, partitions=PARTITIONS)
    inputs = app.topic(source, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    outputs = app.topic(target, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    seen = [0, 0.0, 0.0]

    @app.agent(inputs)
    async def count(stream: Any) -> None:
        async for event in stream.events():
            key = event.key.decode()
            counts[key] += 1
            body = {"key": key, "count": counts[key], "body": event.value.decode()}
            await outputs.send(key=event.key, value=orjson.dumps(body))
            if not seen[0]:
                seen[1] = time.perf_counter()
            seen[0] += 1
            seen[2] = time.perf_counter()

    await app.start()
    deadline = time.perf_counter() + 120
    while seen[0] < records and time.perf_counter() < deadline:  # noqa: ASYNC110 - an event a record would cost
        await asyncio.sleep(0.05)
    rate = (seen[0] - 1) / (seen[2] - seen[1]) if seen[0] > 1 else 0.0
    await app.stop()
    return float(rate)


def main() -> int:
    """Run the job and print its figure."""
    parser = argparse.ArgumentParser(prog="python -m bench.measures.stock.stock_faust")
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--source", required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--records", type=int, required=True)
    args = parser.parse_args()
    # The event loop that our engine runs on too: the comparison is of the two engines, not of two loops.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        rate = runner.run(run(args.bootstrap, args.source, args.target, args.records))
    sys.stdout.write(orjson.dumps({"records_per_s": rate}).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
