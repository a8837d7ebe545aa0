"""``python -m deploy.growth --to PARTITIONS``: grow the topics of runs, and show how far it is.

Without ``--to`` it only shows. Give a command that was killed again. ``--wait`` stays until no run of before is open.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence

from connectors.postgres.database import Database
from connectors.redis.client import connect
from deploy.commands import EXIT_OK, EXIT_REFUSED, run_command
from deploy.growth.growing import Growth, Progress
from schemas.configuration.running_system import add_data_dir
from schemas.settings import Settings
from topics.admin import TopicAdmin

LOOK_S = 1.0
_AGAIN = "give the same command again"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Exit codes: 0 grown, 1 refused or not taken in time, 2 settings, 3 an engine is away."""
    argv = sys.argv[1:] if argv is None else argv
    asked = _parser().parse_args(argv)
    return run_command("growth", argv, lambda settings: asyncio.run(_run(asked, settings)), _AGAIN)


async def _run(asked: argparse.Namespace, settings: Settings) -> int:
    redis = connect(settings.redis.url.get_secret_value())
    database = Database(settings.postgres.dsn.get_secret_value(), max_connections=1, timeout_s=10.0)
    try:
        async with TopicAdmin(settings.kafka.bootstrap) as admin:
            growth = Growth(admin, redis, database, settings.kafka.partitions)
            if asked.to is None:
                print(await growth.progress(await growth.now()))
                return EXIT_OK
            async for topic in growth.grow(asked.to):
                print(f"{topic} has {asked.to} partitions", flush=True)
            return await _until_taken(growth, asked)
    finally:
        await database.close()
        await redis.aclose()


async def _until_taken(growth: Growth, asked: argparse.Namespace) -> int:
    """Show progress until orchestrators have all partitions and, where asked, until no run of before is open."""
    deadline, said = time.monotonic() + asked.seconds, ""
    while True:
        progress = await growth.progress(asked.to)
        if str(progress) != said:
            said = str(progress)
            print(said, flush=True)
        if _is_over(progress, asked.wait):
            return EXIT_OK
        if not progress.grown and time.monotonic() > deadline:
            print("growth: no orchestrator took the rest; start one (python -m streams orchestrator)", file=sys.stderr)
            return EXIT_REFUSED
        await asyncio.sleep(LOOK_S)


def _is_over(progress: Progress, wait: bool) -> bool:
    return progress.grown and not (wait and progress.old_runs)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.growth", description=(__doc__ or "").partition("\n")[0])
    add_data_dir(parser)
    parser.add_argument("--to", type=int, metavar="PARTITIONS", help="a multiple of TOPIC_PARTITIONS")
    parser.add_argument("--wait", action="store_true", help="stay until no run of before is open")
    parser.add_argument("--seconds", type=float, default=60.0, help="patience for orchestrators; default %(default)g")
    return parser


if __name__ == "__main__":
    sys.exit(main())
