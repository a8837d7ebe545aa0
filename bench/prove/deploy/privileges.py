"""Lines of least privileges: what each role may and may not do on real engines, against what is declared.

An encrypted Kafka, Redis and PostgreSQL get a user for each role. Then each user tries to write every topic and to read
a key of every pattern, and PostgreSQL says which rights it has on each table.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from redis.exceptions import NoPermissionError

from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most, line_of
from connectors.kafka.log import KafkaLog
from connectors.ports.engine import OutRecord
from connectors.postgres.database import Database
from connectors.redis.client import connect
from deploy import migrate
from deploy.local.engines import Endpoints, EngineStack
from deploy.local.engines.progress import Progress
from deploy.privileges import applying, kafka_apply, passwords, postgres_rules, redis_rules
from deploy.privileges.kafka_rules import Foreign, rules_of
from deploy.privileges.users import API, User, each_role
from schemas.configuration.kafka_access import Bootstrap, access_of
from schemas.errors import AccessRefused
from topics.admin import TopicAdmin
from topics.catalogue import CATALOGUE, wanted

AIMS = (
    Aim("privileges_tried", "acts", at_least(1_000)),
    Aim("privileges_not_as_declared", "acts", at_most(0)),
)
TOPICS = tuple(topic.name for topic in CATALOGUE if not topic.family and topic.cleanup == "delete")
Tried = tuple[str, bool, bool]


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Try everything. A quick run leaves it out: it takes half a minute."""
    if quick:
        progress("privileges: not tried in a quick run; `make prove AREA=deploy` tries them")
        return []
    progress("deploy: what each role may do, on engines")
    with tempfile.TemporaryDirectory() as home:
        stack = EngineStack(Path(home), {"kafka", "redis", "postgres"}, durable=False, tls=True)
        with stack as ends:
            tried = asyncio.run(_tried(ends, passwords.of_users(Path(home) / "passwords", each_role())))
    wrong = [what for what, declared, found in tried if declared != found]
    note = f"{sum(not found for _, _, found in tried)} of them refused by the engine"
    return [
        line_of(AIMS, "privileges_tried", len(tried), note),
        line_of(AIMS, "privileges_not_as_declared", len(wrong), "; ".join(wrong[:3]) or "none"),
    ]


async def _tried(ends: Endpoints, secret: dict[str, str]) -> list[Tried]:
    """Return each act in words, whether it is declared, and whether the engine let it."""
    users = each_role()
    await migrate.up(ends.postgres_dsn)
    async with TopicAdmin(ends.kafka_bootstrap) as admin:
        await admin.create(wanted(), 1, 1)
    await kafka_apply.apply(ends.kafka_bootstrap, users, secret, Foreign())
    in_postgres = [user for user in users if postgres_rules.has_user(user)]
    in_redis = [user for user in users if redis_rules.has_user(user)]
    await applying.postgres(ends.postgres_dsn, in_postgres, secret)
    await applying.redis(ends.redis_url, in_redis, secret)
    return [
        *[one for user in users async for one in _written(ends, user, secret[user.name])],
        *[one for user in in_redis async for one in _keys(ends, user, secret[user.name])],
        *[one async for one in _tables(ends, in_postgres)],
    ]


async def _written(ends: Endpoints, user: User, password: str) -> AsyncIterator[Tried]:
    mine = {rule.name for rule in rules_of(user) if (rule.resource, rule.operation) == ("topic", "Write")}
    how = replace(access_of(ends.kafka_bootstrap), mechanism="SCRAM-SHA-512", username=user.name, password=password)
    async with KafkaLog(Bootstrap(str(ends.kafka_bootstrap), how), timeout_s=10) as log:
        for topic in TOPICS:
            declared = topic in mine or any(name.endswith(".") and topic.startswith(name) for name in mine)
            try:
                await log.append([OutRecord(topic, b"key", b"{}", ())])
                found = True
            except AccessRefused:
                found = False
            yield f"{user.name} writes {topic}", declared, found


async def _keys(ends: Endpoints, user: User, password: str) -> AsyncIterator[Tried]:
    patterns = redis_rules.keys_of(user)
    every = sorted({pattern for other in each_role() for pattern in redis_rules.keys_of(other)})
    redis = connect(ends.redis_url.replace(f":{access_of(ends.kafka_bootstrap).password}@", f"{user.name}:{password}@"))
    try:
        for key in (*(pattern.replace("*", "0") for pattern in every), "somebody:else"):
            try:
                await redis.exists(key)
                found = True
            except NoPermissionError:
                found = False
            yield f"{user.name} reads {key}", any(fnmatchcase(key, pattern) for pattern in patterns), found
    finally:
        await redis.aclose()


async def _tables(ends: Endpoints, users: Sequence[User]) -> AsyncIterator[Tried]:
    database = Database(ends.postgres_dsn, max_connections=1, timeout_s=30)
    rows = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
    try:
        tables = [row[0] for row in await database.fetch("privileges", rows)]
        for user in users:
            narrowed = postgres_rules.tables_of(user)
            for table in tables:
                letters = narrowed.get(table, "SIUD" if API in user.roles else "")
                for letter, word in postgres_rules.WORDS.items():
                    row = await database.fetchrow(
                        "privileges", "SELECT has_table_privilege($1, $2, $3)", user.name, table, word
                    )
                    yield f"{user.name} {word} {table}", letter in letters, row is not None and bool(row[0])
    finally:
        await database.close()
