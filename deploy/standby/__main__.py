"""``python -m deploy.standby --to BOOTSTRAP --state FILE``: mirror this site's topics to the brokers of a standby.

It runs until it is stopped; started again it continues. What to do with the copy: docs/how-to/standby.md.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from connectors.kafka.archive.reading import ArchiveReader
from connectors.kafka.archive.writing import ArchiveWriter
from deploy.commands import EXIT_OK, run_command
from deploy.standby.mirror import Mirror, Places
from schemas.configuration.kafka_access import reached_alike
from schemas.configuration.running_system import add_data_dir
from schemas.settings import Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Exit codes: 0 stopped, 1 the sites differ, 2 settings, 3 brokers do not answer."""
    argv = sys.argv[1:] if argv is None else argv

    def work(settings: Settings) -> int:
        asyncio.run(_run(_parser(settings).parse_args(argv), settings))
        return EXIT_OK

    return run_command("standby", argv, work, "start it again, and it continues")


async def _run(asked: argparse.Namespace, settings: Settings) -> None:
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    async with (
        ArchiveReader(settings.kafka.bootstrap) as reader,
        ArchiveReader(asked.to) as standby,
        ArchiveWriter(asked.to) as writer,
    ):
        mirror = Mirror(reader, standby, writer, Places(asked.state), settings.kafka.replication)
        print(f"{await mirror.begin()} topics are mirrored to {asked.to}", flush=True)
        await mirror.run(stop, partial(print, flush=True))


def _parser(settings: Settings) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.standby", description=(__doc__ or "").partition("\n")[0])
    add_data_dir(parser)
    bootstrap = partial(reached_alike, settings.kafka.bootstrap)
    parser.add_argument("--to", required=True, type=bootstrap, metavar="BOOTSTRAP", help="brokers of the standby")
    parser.add_argument("--state", required=True, type=Path, metavar="FILE", help="where the mirror keeps its places")
    return parser


if __name__ == "__main__":
    sys.exit(main())
