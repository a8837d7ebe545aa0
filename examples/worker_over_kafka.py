"""A worker of a queue, in nothing but the standard library and aiokafka: a model for one in any other language.

    .venv/bin/python examples/worker_over_kafka.py --bootstrap 127.0.0.1:9092 --queue counting

It serves the tool ``count_words`` on ``step-requests.counting``, and answers on ``run-events``. The contract is in
docs/how-to/workers.md. The result of an attempt is appended and acknowledged before the request's offset is committed,
so a crash in between only repeats the work: of two results of one attempt the first one counts.
"""

import argparse
import asyncio
import json
import signal
import sys
import time
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

RUN_EVENTS = "run-events"
WORKER_ID = "counter-1"
#: How long to wait for what cannot be done now. The run waits, and the request comes again.
LATER_MS = 1_000


class WrongRequestError(Exception):
    """The step can never be done: its attempt fails for good."""


class NotNowError(Exception):
    """The step can be done later: its attempt is given back."""


def count_words(args: dict[str, Any], deferral: int) -> dict[str, Any]:
    """Do the work. ``not_before`` stands for anything that a real worker may have to wait for."""
    text = args.get("text")
    if not isinstance(text, str):
        raise WrongRequestError("count_words needs an argument 'text' that is a text")
    if deferral < args.get("not_before", 0):
        raise NotNowError("the counting house is closed")
    words = text.split()
    return {"words": len(words), "longest": max(words, key=len, default="")}


def answer(request: dict[str, Any], started_ms: int) -> dict[str, Any]:
    """Return the event that says what became of an attempt."""
    about = {name: request[name] for name in ("run_id", "org_id", "step_id", "attempt")}
    event = {"v": "1.0", **about, "worker_id": WORKER_ID}
    if request["work"].get("name") != "count_words":
        return failed(event, started_ms, "unknown_tool", "this queue has the tool count_words only", retryable=False)
    try:
        output = count_words(request.get("args", {}), request.get("deferral", 0))
    except WrongRequestError as exc:
        return failed(event, started_ms, "bad_arguments", str(exc), retryable=False)
    except NotNowError as exc:
        again = {"until_ms": now_ms() + LATER_MS, "reason": str(exc), "deferral": request.get("deferral", 0) + 1}
        return event | {"type": "step.deferred"} | again
    except Exception as exc:  # noqa: BLE001 - whatever it is, the run must hear of it
        return failed(event, started_ms, "exception", repr(exc), retryable=True)
    times = {"started_at_ms": started_ms, "finished_at_ms": now_ms()}
    return event | {"type": "step.succeeded"} | times | {"output": {"kind": "inline", "value": output}}


def failed(event: dict[str, Any], started_ms: int, code: str, message: str, *, retryable: bool) -> dict[str, Any]:
    """Return the event of a failed attempt; one that may be repeated is, as the node's policy says."""
    error = {"code": code, "message": message, "retryable": retryable}
    return event | {"type": "step.failed", "started_at_ms": started_ms, "finished_at_ms": now_ms(), "error": error}


def now_ms() -> int:
    """Return milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000


async def serve(bootstrap: str, queue: str) -> None:
    """Work until SIGTERM."""
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    consumer = AIOKafkaConsumer(
        f"step-requests.{queue}",
        bootstrap_servers=bootstrap,
        group_id=f"counting-house.{queue}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        metadata_max_age_ms=2_000,
    )
    # The default partitioner hashes keys with murmur2, as every Kafka client's does that follows the Java one.
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    async with consumer, producer:
        print(json.dumps({"ready": True, "queue": queue}), flush=True)
        while not stop.is_set():
            polled = await consumer.getmany(timeout_ms=250, max_records=50)
            for records in polled.values():
                for record in records:
                    await take(producer, record.value)
            if polled:
                await consumer.commit()


async def take(producer: AIOKafkaProducer, value: bytes | None) -> None:
    """Work on one request and wait until its answer is in the log."""
    try:
        request = json.loads(value or b"")
        event = answer(request, now_ms())
        key = request["run_id"].encode()
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        # Nobody can be answered. A worker for production would keep it, in a topic of its own.
        print(f"not a step request: {exc!r}", file=sys.stderr, flush=True)
        return
    await producer.send_and_wait(RUN_EVENTS, json.dumps(event).encode(), key=key)


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description="Serve the tool count_words on a queue.")
    parser.add_argument("--bootstrap", default="127.0.0.1:9092", help="the brokers")
    parser.add_argument("--queue", default="counting", help="the queue that nodes name")
    args = parser.parse_args()
    asyncio.run(serve(args.bootstrap, args.queue))


if __name__ == "__main__":
    main()
