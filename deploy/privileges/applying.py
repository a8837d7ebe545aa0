"""Makes the users of PostgreSQL, Redis and ClickHouse what they should be. Safe to repeat."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from connectors.clickhouse.client import ClickHouse
from connectors.postgres.database import Database
from connectors.redis.client import connect
from connectors.redis.errors import redis_errors
from deploy.privileges import clickhouse_rules, passwords, postgres_rules, redis_rules
from deploy.privileges.users import User

TIMEOUT_S = 30.0


async def postgres(dsn: str, users: Sequence[User], secret: Mapping[str, str]) -> str:
    """Set users and grants in one transaction. Raises ``Unavailable``, and asyncpg's errors of a missing right."""
    database = Database(dsn, max_connections=1, timeout_s=TIMEOUT_S)
    try:
        async with database.transaction("privileges") as conn:
            for user in users:
                verifier = passwords.postgres_verifier(secret[user.name]) if user.name in secret else ""
                for statement in postgres_rules.statements(user, verifier):
                    await conn.execute(statement)
    finally:
        await database.close()
    return f"{len(users)} users"


async def redis(url: str, users: Sequence[User], secret: Mapping[str, str]) -> str:
    """Set users and rules, and save them where the server has a file of them. Raises ``Unavailable``."""
    client = connect(url)
    command: Callable[..., Awaitable[object]] = client.execute_command
    try:
        with redis_errors("privileges"):
            for user in users:
                login = [f"#{passwords.sha256(secret[user.name])}"] if user.name in secret else []
                await command("ACL", "SETUSER", user.name, *redis_rules.rules(user), *login)
            kept = await client.config_get("aclfile")
            if kept.get("aclfile"):
                await command("ACL", "SAVE")
                return f"{len(users)} users, saved"
    finally:
        await client.aclose()
    return f"{len(users)} users; the server has no aclfile, so they are lost when it restarts: use --print for a file"


async def clickhouse(url: str, database: str, users: Sequence[User], secret: Mapping[str, str]) -> str:
    """Set users and grants. Raises ``Unavailable``."""
    client = ClickHouse(url, database)
    try:
        for user in users:
            digest = passwords.sha256(secret[user.name]) if user.name in secret else ""
            for statement in clickhouse_rules.statements(user, database, digest):
                await client.query(statement)
    finally:
        await client.close()
    return f"{len(users)} users"
