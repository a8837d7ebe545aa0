"""``python -m topics create|verify|describe|dlq``: the catalogue on a broker, and its dead letters."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from functools import partial

from schemas.configuration.kafka import Kafka
from schemas.configuration.kafka_access import reached_alike
from schemas.configuration.running_system import add_data_dir, environment
from schemas.errors import AgentFlowError
from schemas.settings import kafka_from_env
from topics.admin import TopicAdmin
from topics.catalogue import CATALOGUE, wanted
from topics.dead_letters import cli

EXIT_OK, EXIT_DIFFERENT, EXIT_USAGE, EXIT_UNAVAILABLE = 0, 1, 2, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Exit codes: 0 all is as declared, 1 it differs, 2 usage or settings, 3 no broker."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        kafka = kafka_from_env(environment(os.environ, argv))
    except ValueError as exc:
        print(exc, file=sys.stderr)
        return EXIT_USAGE
    args = _parser(kafka).parse_args(argv)
    if args.command == "describe":
        describe()
        return EXIT_OK
    if args.command == "dlq":
        return cli.run(args)
    try:
        return asyncio.run(_on_broker(args))
    except (AgentFlowError, ValueError) as exc:
        print(f"topics {args.command}: {exc}", file=sys.stderr)
        return EXIT_UNAVAILABLE


def describe() -> None:
    """Print the catalogue."""
    for topic in CATALOGUE:
        name = f"{topic.name}.<{topic.open_part}>" if topic.family else topic.name
        print(f"{name}\n    {topic.summary}\n    key: {topic.key}; {topic.cleanup}")
        print(f"    written by {', '.join(topic.writers)}; read by {', '.join(topic.readers)}")


async def _on_broker(args: argparse.Namespace) -> int:
    topics = wanted(args.org, args.queue)
    async with TopicAdmin(args.bootstrap) as admin:
        if args.command == "create":
            made = await admin.create(topics, args.partitions, args.replication, args.min_isr)
            print(f"{len(made)} created, {len(topics) - len(made)} existed")
            return EXIT_OK
        differences = await admin.verify(topics, args.partitions, args.replication, args.min_isr)
    for difference in differences:
        print(difference)
    print(f"{len(topics)} topics checked, {len(differences)} differences")
    return EXIT_DIFFERENT if differences else EXIT_OK


def _parser(kafka: Kafka) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m topics", description="The catalogue of topics on a broker.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("create", "create the topics that are missing"),
        ("verify", "compare the broker with the catalogue; exit code 1 if they differ"),
        ("describe", "print the catalogue"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        add_data_dir(command)
        command.add_argument("--bootstrap", default=kafka.bootstrap, type=partial(reached_alike, kafka.bootstrap))
        command.add_argument("--partitions", type=int, default=kafka.partitions)
        command.add_argument("--replication", type=int, default=kafka.replication)
        command.add_argument("--min-isr", type=int, default=kafka.min_isr, help="replicas that must have a write")
        command.add_argument(
            "--org", action="append", default=[], help="organisation with a submissions topic; repeatable"
        )
        command.add_argument("--queue", action="append", default=[], help="queue that nodes name; repeatable")
    cli.add_parser(commands, kafka.bootstrap)
    return parser


if __name__ == "__main__":
    sys.exit(main())
