"""``python -m tests.chaos.ha``: kill brokers, masters of Redis and stores under load, then check every promise.

The last line is JSON, as of ``tests.chaos``, with ``redis``, the kind of Redis.
"""

import argparse
import json
import logging
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.ha.rounds import Rounds
from tests.chaos.ha.session import HaSession
from tests.chaos.session import Options
from tests.chaos.verdict import Verdict

EXIT_OK, EXIT_FAILED = 0, 1


def say(message: str) -> None:
    """Print a line at once, also into a pipe."""
    print(message, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Play rounds. Exit codes: 0 every promise held, 1 one did not."""
    asked = _parser().parse_args(argv)
    seed = asked.seed or random.SystemRandom().randrange(1, 10**9)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # brokers are meant to be away
    rounds = Rounds(asked.brokers, asked.redis_kills, asked.postgres, asked.clickhouse_s, asked.nats)
    held = True
    for kind in asked.redis:
        data_dir = Path(tempfile.mkdtemp(prefix=f"agentflow-chaos-ha-{kind}-"))
        say(f"chaos-ha: seed {seed}, Redis {kind}, {rounds}, {asked.in_flight} runs in flight, in {data_dir}")
        began = time.monotonic()
        verdict = HaSession(Options(seed, 0.0, asked.in_flight, asked.settle), data_dir, say, rounds, kind).play()
        held &= _told(verdict, kind, time.monotonic() - began)
        if verdict.held and not asked.keep:
            shutil.rmtree(data_dir, ignore_errors=True)
        else:
            say(f"logs and data are in {data_dir}")
    return EXIT_OK if held else EXIT_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.ha", description="Losses of servers under load.")
    full = Rounds()
    parser.add_argument("--redis", nargs="+", choices=("cluster", "sentinel"), default=["cluster", "sentinel"])
    parser.add_argument("--brokers", type=int, default=full.brokers, metavar="N", help="rounds of brokers, in turn")
    parser.add_argument("--redis-kills", type=int, default=full.redis, metavar="N", help="masters of Redis to kill")
    parser.add_argument("--postgres", type=int, default=full.postgres, metavar="N", help="restarts of PostgreSQL")
    parser.add_argument("--clickhouse-s", type=float, default=full.clickhouse_s, metavar="S", help="seconds without it")
    parser.add_argument("--nats", type=int, default=full.nats, metavar="N", help="times without NATS")
    parser.add_argument("--in-flight", type=int, default=200, metavar="N", help="runs at any time")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="0 takes a random one")
    parser.add_argument("--settle", type=float, default=180.0, metavar="S", help="wait so long for the end")
    parser.add_argument("--keep", action="store_true", help="keep data and logs even when every promise held")
    return parser


def _told(verdict: Verdict, kind: str, seconds: float) -> bool:
    say("every promise held" if verdict.held else "A PROMISE WAS BROKEN")
    say(verdict.as_table())
    for problem in verdict.problems:
        say(f"  {problem}")
    say(json.dumps({"redis": kind, "seconds": round(seconds), **json.loads(verdict.as_json())}, separators=(",", ":")))
    return verdict.held


if __name__ == "__main__":
    sys.exit(main())
