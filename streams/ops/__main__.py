"""``python -m streams.ops list|release|rebuild``: an operator's hands on the fenced tables.

Everything is done through the log and the table, while the roles run, except for ``rebuild --from-log``.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Sequence

from connectors.kafka.checkpoints import KafkaCheckpoints
from connectors.kafka.log import KafkaLog
from connectors.redis.client import connect
from connectors.redis.fenced_table import RedisTable
from schemas.configuration.running_system import add_data_dir, environment
from schemas.errors import AgentFlowError, Rejected
from schemas.settings import Settings
from streams.ops.tables import TABLES, TableCare
from topics.admin import TopicAdmin
from topics.groups import group_of

EXIT_OK, EXIT_NOT_DONE, EXIT_USAGE, EXIT_UNAVAILABLE = 0, 1, 2, 3
WAIT_S = 15.0
REASON_CHARS = 200


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Exit codes: 0 done, 1 not done, 2 usage or settings, 3 a server does not answer."""
    argv = sys.argv[1:] if argv is None else argv
    args = _parser().parse_args(argv)
    # What it says of a broker that does not answer is said once, below.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        return asyncio.run(_run(args, Settings.from_env(environment(os.environ, argv))))
    except ValueError as exc:
        return _mistake(args, exc, EXIT_USAGE)
    except Rejected as exc:
        return _mistake(args, exc, EXIT_NOT_DONE)
    except AgentFlowError as exc:
        return _mistake(args, exc, EXIT_UNAVAILABLE)


async def _run(args: argparse.Namespace, settings: Settings) -> int:
    async with _care(args.table, settings) as care:
        match args.command:
            case "list":
                return await _list(care)
            case "release":
                return await _release(care, args)
            case _:
                return await _rebuild(care, args, settings)


@contextlib.asynccontextmanager
async def _care(table: str, settings: Settings) -> AsyncIterator[TableCare]:
    redis = connect(settings.redis.url.get_secret_value())
    checkpoints = KafkaCheckpoints(settings.kafka.bootstrap, table, client_id="agentflow-tables")
    try:
        async with KafkaLog(settings.kafka.bootstrap, client_id="agentflow-tables") as log:
            yield TableCare(table, log, RedisTable(redis, table), checkpoints, settings.kafka.partitions)
    finally:
        await redis.aclose()


async def _list(care: TableCare) -> int:
    count = 0
    async for found in care.quarantined():
        count += 1
        waiting = f"{len(found.aside.offsets)} records wait since offset {found.aside.offsets[0]}"
        sys.stdout.write(f"{found.key}\n    {care.topic}/{found.partition}: {waiting}\n")
        sys.stdout.write(f"    {found.aside.reason[:REASON_CHARS]}\n")
    sys.stderr.write(f"quarantined keys: {count}\n")
    return EXIT_OK


async def _release(care: TableCare, args: argparse.Namespace) -> int:
    failed = 0
    for key in args.keys:
        again = await care.release(key, args.wait)
        failed += again is not None
        state = "released" if again is None else f"quarantined again: {again.reason[:REASON_CHARS]}"
        sys.stdout.write(f"{key}: {state}\n")
    return EXIT_NOT_DONE if failed else EXIT_OK


async def _rebuild(care: TableCare, args: argparse.Namespace, settings: Settings) -> int:
    if not (args.from_log or args.accept_loss):
        for partition in args.partitions:
            await care.rebuild(partition)
            sys.stdout.write(f"{args.table}/{partition}: its owner restores it now, from the checkpoint and the log\n")
        return EXIT_OK
    async with TopicAdmin(settings.kafka.bootstrap) as admin:
        if members := await admin.members(group_of(care.role)):
            raise Rejected(
                f"{members} process{'es' if members > 1 else ''} of the {care.role} still in the group: stop all, wait "
                f"for the session ({settings.kafka.session_timeout_ms / 1000:g} s), then again"
            )
    for partition in args.partitions:
        if not args.from_log:
            was, counts_as = await care.accept_loss(partition)
            sys.stdout.write(f"{args.table}/{partition}: the checkpoint of offset {was} counts as of {counts_as}\n")
            continue
        first = await care.rebuild_from_log(partition, accept_loss=args.accept_loss)
        sys.stdout.write(f"{args.table}/{partition}: the next owner restores it from offset {first} of the log\n")
    return EXIT_OK


def _mistake(args: argparse.Namespace, exc: Exception, code: int) -> int:
    sys.stderr.write(f"tables {args.command}: {exc}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m streams.ops",
        description="Look after the fenced tables. Servers are found by the environment, as the roles find theirs, or "
        "by that of a running `make run`.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    _command(commands, "list", "show the quarantined keys, and why")
    release = _command(commands, "release", "fold the records of quarantined keys, in order, and let them go on")
    keys = "a run id, or an organisation with --table budgets or admissions"
    release.add_argument("keys", nargs="+", metavar="KEY", help=keys)
    release.add_argument("--wait", type=float, default=WAIT_S, help="seconds to wait for the role; default %(default)g")
    rebuild = _command(commands, "rebuild", "have partitions of a table restored")
    rebuild.add_argument("partitions", nargs="+", type=int, metavar="PARTITION")
    rebuild.add_argument(
        "--from-log", action="store_true", help="without the checkpoint; the role must be stopped everywhere"
    )
    rebuild.add_argument(
        "--accept-loss", action="store_true", help="although the log has lost what is needed; also stopped"
    )
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text)
    add_data_dir(command)
    command.add_argument("--table", choices=sorted(TABLES), default="runs", help="default %(default)s")
    return command


if __name__ == "__main__":
    sys.exit(main())
