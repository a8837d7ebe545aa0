"""Start the engines, print their addresses as JSON, and run until Ctrl-C.

python -m deploy.local.engines --data-dir .agentflow [--only kafka --only redis]
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from deploy.local.engines.errors import EngineError
from deploy.local.engines.kafka import prepare_downloads
from deploy.local.engines.stack import ALL_ENGINES, EngineStack


def say(message: str) -> None:
    """Progress goes to standard error; standard output carries only the JSON."""
    print(message, file=sys.stderr, flush=True)


def fetch() -> int:
    """Do the one-time downloads; returns the exit code."""
    try:
        prepare_downloads(say)
    except EngineError as error:
        say(str(error))
        return 1
    return 0


def wait_for_interrupt() -> None:
    """Block until a signal that ends the command."""
    with suppress(KeyboardInterrupt):
        while True:
            signal.pause()


def main() -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.engines", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data-dir", type=Path, default=Path(".agentflow"), help="directory of data that is kept between starts"
    )
    parser.add_argument(
        "--only", action="append", choices=sorted(ALL_ENGINES), help="start this engine only; may be repeated"
    )
    parser.add_argument("--fast", action="store_true", help="no fsync: for tests and temporary data")
    parser.add_argument("--fetch-only", action="store_true", help="download what the engines need, start nothing")
    arguments = parser.parse_args()
    if arguments.fetch_only:
        return fetch()
    for stop_signal in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop_signal, signal.default_int_handler)  # all of them end the command as Ctrl-C does
    stack = EngineStack(arguments.data_dir, arguments.only or ALL_ENGINES, durable=not arguments.fast, progress=say)
    started = time.monotonic()
    try:
        with stack as endpoints:
            each = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in stack.start_seconds.items())
            say(f"engines serve after {time.monotonic() - started:.1f} s ({each}); Ctrl-C stops them")
            print(json.dumps(endpoints.as_dict()), flush=True)
            wait_for_interrupt()
            say("stopping the engines")
    except EngineError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted while starting; the engines are stopped")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
