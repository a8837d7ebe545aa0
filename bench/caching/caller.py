"""``python -m bench.caching.caller``: one process of a shared load. The Redis' URL is in ``BENCH_REDIS_URL``.

It prints how many of its calls were answered by earlier ones. With ``--hang`` it leads the call of request 0, says so
and never ends: it is to be killed.
"""

import argparse
import asyncio
import os
import random
import sys

from bench.caching.stage import Caller

FOREVER_S = 3_600.0
AT_ONCE = 5


def main() -> None:
    """Make the calls."""
    parser = argparse.ArgumentParser(prog="python -m bench.caching.caller")
    parser.add_argument("--name", default="0")
    parser.add_argument("--calls", type=int, default=1)
    parser.add_argument("--distinct", type=int, default=1)
    parser.add_argument("--lease-ms", type=int, default=5_000)
    parser.add_argument("--hang", action="store_true")
    args = parser.parse_args()
    sys.stdout.write(f"{asyncio.run(_hang(args) if args.hang else _work(args))}\n")


async def _work(args: argparse.Namespace) -> int:
    caller, rng = Caller(os.environ["BENCH_REDIS_URL"], lease_ms=args.lease_ms), random.Random(args.name)  # noqa: S311
    numbers = iter([(n, rng.randrange(args.distinct)) for n in range(args.calls)])

    async def some() -> int:
        return sum([(await caller.call(number, f"{args.name}:{n}")).cached for n, number in numbers])

    hits = sum(await asyncio.gather(*(some() for _ in range(AT_ONCE))))
    await caller.close()
    return hits


async def _hang(args: argparse.Namespace) -> int:
    caller = Caller(os.environ["BENCH_REDIS_URL"], answer_s=FOREVER_S, lease_ms=args.lease_ms)
    leading = asyncio.create_task(caller.call(0, args.name))
    await caller.asked.wait()
    sys.stdout.write("leading\n")
    sys.stdout.flush()
    await leading
    return 0


if __name__ == "__main__":
    main()
