"""``python -m deploy.privileges kafka|postgres|redis|clickhouse --print|--apply``: least privileges of every role.

It connects as an administrator, by the settings of every process. Exit codes: 0 done, 2 usage or settings, 3 an engine
does not answer or refuses.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import asyncpg
from redis.exceptions import RedisError

from deploy.privileges import applying, clickhouse_rules, kafka_apply, passwords, postgres_rules, printing, redis_rules
from deploy.privileges.kafka_rules import Foreign
from deploy.privileges.users import User, each_role, read
from schemas.configuration.running_system import add_data_dir, environment
from schemas.errors import AgentFlowError
from schemas.settings import Settings

EXIT_OK, EXIT_USAGE, EXIT_REFUSED = 0, 2, 3
ENGINES = ("kafka", "postgres", "redis", "clickhouse")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    argv = sys.argv[1:] if argv is None else argv
    args = _parser().parse_args(argv)
    try:
        settings = Settings.from_env(environment(os.environ, argv))
        users = [user for user in args.user or each_role() if _uses(args.engine, user)]
        foreign = Foreign(args.reads, args.writes)
        if args.print:
            print("\n".join(_printed(args.engine, users, foreign, settings)))
            return EXIT_OK
        secret = {} if args.passwords is None else passwords.of_users(args.passwords, users)
        print(asyncio.run(_applied(args.engine, users, foreign, settings, secret)))
    except (ValueError, OSError) as exc:
        print(f"privileges {args.engine}: {exc}", file=sys.stderr)
        return EXIT_USAGE
    except (AgentFlowError, asyncpg.PostgresError, RedisError) as exc:
        print(f"privileges {args.engine}: {exc}", file=sys.stderr)
        return EXIT_REFUSED
    return EXIT_OK


def _uses(engine: str, user: User) -> bool:
    rules = {"postgres": postgres_rules, "redis": redis_rules, "clickhouse": clickhouse_rules}
    return engine == "kafka" or rules[engine].has_user(user)


def _printed(engine: str, users: Sequence[User], foreign: Foreign, settings: Settings) -> list[str]:
    match engine:
        case "kafka":
            return list(printing.kafka(users, foreign))
        case "postgres":
            return list(printing.postgres(users))
        case "redis":
            return list(printing.redis(users))
    return list(printing.clickhouse(users, settings.clickhouse.database))


async def _applied(
    engine: str, users: Sequence[User], foreign: Foreign, settings: Settings, secret: dict[str, str]
) -> str:
    match engine:
        case "kafka":
            return await kafka_apply.apply(settings.kafka.bootstrap, users, secret, foreign)
        case "postgres":
            return await applying.postgres(settings.postgres.dsn.get_secret_value(), users, secret)
        case "redis":
            return await applying.redis(settings.redis.url.get_secret_value(), users, secret)
    url, database = settings.clickhouse.url.get_secret_value(), settings.clickhouse.database
    return await applying.clickhouse(url, database, users, secret)


def _user(text: str) -> User:
    try:
        return read(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.privileges", description="Least privileges of every role.")
    parser.add_argument("engine", choices=ENGINES)
    add_data_dir(parser)
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--print", action="store_true", help="print what the engine's own tools take, without passwords")
    how.add_argument("--apply", action="store_true", help="make users and rights so; what they have besides is taken")
    parser.add_argument(
        "--passwords", type=Path, metavar="DIR", help="a file for each user's password; missing ones are made"
    )
    parser.add_argument(
        "--user", action="append", type=_user, metavar="NAME=ROLE,ROLE", help="users (default: one for each role)"
    )
    parser.add_argument(
        "--reads", action="append", default=[], metavar="TOPIC", help="a topic of another system for role triggers"
    )
    parser.add_argument(
        "--writes", action="append", default=[], metavar="TOPIC", help="a topic for kafka.produce; a prefix ends in *"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
