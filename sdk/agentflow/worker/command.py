"""``agentflow worker app.py``: serve a queue with the tools and functions of a file."""

import argparse
import asyncio
import json
import logging
import os
import re
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from agentflow.worker.errors import WorkerError
from agentflow.worker.functions import Functions
from agentflow.worker.over_http import HttpQueue, Owner
from agentflow.worker.over_kafka import KafkaQueue
from agentflow.worker.serving import Worker
from agentflow.worker.steps import Queue

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_AUTH = 0, 1, 2, 4


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Exit codes: 0 stopped, 1 failed, 2 usage, 4 the key may not serve the queue."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=args.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s")
    # One line a request would hide the worker's own.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        functions = Functions.load(args.file)
        queue = _queue(args, os.environ)
    except ValueError as exc:
        return _say(str(exc), EXIT_USAGE)
    try:
        asyncio.run(_serve(functions, queue, args))
    except WorkerError as exc:
        return _say(str(exc), EXIT_AUTH if exc.status in (401, 403) else EXIT_FAILED)
    return EXIT_OK


async def _serve(functions: Functions, queue: Queue, args: argparse.Namespace) -> None:
    worker = Worker(functions, queue, concurrency=args.concurrency, drain_s=args.drain)
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, worker.stop)
    ready = {"ready": True, "queue": args.queue, "functions": functions.names()}
    sys.stdout.write(f"{json.dumps(ready)}\n")
    sys.stdout.flush()
    await worker.serve()


def _queue(args: argparse.Namespace, env: Mapping[str, str]) -> Queue:
    """Return where steps come from. Raises ``ValueError`` for what is missing."""
    url, key = args.url or env.get("AGENTFLOW_URL", ""), env.get("AGENTFLOW_API_KEY", "")
    worker_id = args.id or re.sub(r"[^A-Za-z0-9_.-]", "-", f"{socket.gethostname()}-{os.getpid()}")[-64:]
    if args.kafka:
        if not args.installation and not args.org:
            raise ValueError("name the queue's organisation with --org, or say --installation")
        topic = f"step-requests.{args.queue if args.installation else f'{args.org}.{args.queue}'}"
        return KafkaQueue(args.kafka, topic, worker_id, url=url, key=key)
    if not url or not key:
        raise ValueError("set AGENTFLOW_URL (or --url) and AGENTFLOW_API_KEY, or read the queue over --kafka")
    of: Owner = "installation" if args.installation else "organisation"
    return HttpQueue(url, key, args.queue, worker_id, of=of, lease_s=args.lease)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="agentflow", description="AgentFlow for Python.")
    commands = parser.add_subparsers(dest="command", required=True)
    text = "serve a queue with the tools and functions of a file"
    worker = commands.add_parser("worker", help=text, description=text)
    worker.add_argument("file", type=Path, help="Python file with functions that have @tool or @function")
    worker.add_argument("--queue", required=True, help="the queue's name, without `org/`")
    worker.add_argument("--installation", action="store_true", help="it is the installation's queue")
    worker.add_argument("--url", default="", help="the API (AGENTFLOW_URL); the key is in AGENTFLOW_API_KEY")
    worker.add_argument("--kafka", default="", metavar="BOOTSTRAP", help="read the queue's topic instead of leasing")
    worker.add_argument("--org", default="", help="the queue's organisation, over Kafka")
    worker.add_argument("--id", default="", help="the worker's name")
    worker.add_argument("--concurrency", type=_positive, default=8, help="steps at once (8)")
    worker.add_argument(
        "--lease", type=float, default=30.0, help="seconds until a dead worker's step is given again (30)"
    )
    worker.add_argument("--drain", type=float, default=30.0, help="seconds that a stop waits for begun steps (30)")
    worker.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    return parser


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of at least 1")
    return int(text)


def _say(message: str, code: int) -> int:
    sys.stderr.write(f"agentflow worker: {message}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
