"""Least privileges on real engines: a role that does what it should not is refused, for each role and engine."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest
from redis.exceptions import NoPermissionError, ResponseError

from connectors.kafka.log import KafkaLog
from connectors.ports.engine import OutRecord
from connectors.postgres.database import Database
from connectors.redis.client import connect
from deploy.local.engines import Endpoints, EngineStack
from deploy.local.preparation import prepare
from deploy.local.system import ORG
from deploy.privileges import passwords, postgres_rules, redis_rules
from deploy.privileges.kafka_rules import rules_of
from deploy.privileges.users import PREFIX, SUBJECTS, User, each_role
from schemas.errors import AccessRefused
from tests.support.least import applied, as_user
from topics.catalogue import DEFINITIONS, RUN_EVENTS, RUN_VIEWS, TABLE_BUDGETS, TABLE_RUNS, checkpoint_topic

Place = tuple[Endpoints, dict[str, str]]
#: A topic that a role must not write. Most must not define workflows; what may, must not write a table's checkpoints.
FORBIDDEN_TOPIC = dict.fromkeys(SUBJECTS, DEFINITIONS) | {
    "api": checkpoint_topic(TABLE_RUNS),
    "worker": RUN_VIEWS,
    "leases": RUN_VIEWS,
    "history": RUN_EVENTS,
    "analytics": RUN_EVENTS,
    "orchestrator": checkpoint_topic(TABLE_BUDGETS),
}
#: A statement that a role's user must not run.
FORBIDDEN_SQL = {
    "ingress": "DELETE FROM workflow_run",
    "scheduler": "UPDATE workflow SET name = name",
    "triggers": "SELECT * FROM api_key",
    "worker": "UPDATE budget SET name = name",
    "leases": "SELECT * FROM provider_key",
    "bridge": "SELECT * FROM workflow_run",
    "history": "DELETE FROM step_run",
    "scores": "SELECT * FROM provider_key",
    "rollouts": "SELECT * FROM tool_secret_version",
    "webhooks": "SELECT * FROM workflow_run",
    "batches": "SELECT * FROM api_key",
    "audit": "DELETE FROM audit_entry",
    "retention": "DELETE FROM audit_entry",
    "api": "UPDATE audit_entry SET org_id = org_id",
}
#: A key that a role's user must not touch.
FORBIDDEN_KEY = {
    "ingress": "{budgets:0}:held:default",
    "scheduler": "{workers}:seen",
    "triggers": "{quota}:x",
    "worker": "{admissions:0}:pos",
    "leases": "{budgets:0}:pos",
    "scores": "{budgets:0}:pos",
    "batches": "{budgets:0}:pos",
    "api": "somebody:else",
    "orchestrator": "{budgets:0}:pos",
    "budgets": "{runs:0}:pos",
    "admission": "{runs:0}:pos",
    "routes": "{quality:0}:pos",
    "quality": "{routes:0}:pos",
    "deployments": "{admissions:0}:pos",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("least")
    stack = EngineStack(folder, {"kafka", "redis", "postgres", "clickhouse"}, durable=False, tls=True)
    with stack as ends:
        users = each_role()
        secret = passwords.of_users(folder / "passwords", users)
        asyncio.run(prepare(ends, 1, ORG))
        asyncio.run(applied(ends, users, secret))
        yield ends, secret


def login(place: Place, role: str) -> Endpoints:
    ends, secret = place
    return as_user(ends, PREFIX + role, secret[PREFIX + role])


def test_every_role_with_a_user_has_a_line_in_these_tables() -> None:
    users = each_role()
    assert set(FORBIDDEN_TOPIC) == set(SUBJECTS)
    assert set(FORBIDDEN_SQL) == {user.roles[0] for user in users if postgres_rules.has_user(user)}
    assert set(FORBIDDEN_KEY) == {user.roles[0] for user in users if redis_rules.has_user(user)}


@pytest.mark.parametrize("role", SUBJECTS)
async def test_role_writes_its_topics_and_is_refused_another(place: Place, role: str) -> None:
    rules = rules_of(User(PREFIX + role, (role,)))
    own = [rule.name for rule in rules if (rule.resource, rule.operation) == ("topic", "Write") and not rule.prefixed]
    async with KafkaLog(login(place, role).kafka_bootstrap, timeout_s=5) as log:
        for topic in own[:1]:
            if not topic.endswith(".checkpoint"):  # compacted: the test's record has no key of the table
                await log.append([OutRecord(topic, b"key", b"{}", ())])
        with pytest.raises(AccessRefused, match="is not allowed to this user; see docs"):
            await log.append([OutRecord(FORBIDDEN_TOPIC[role], b"key", b"{}", ())])


@pytest.mark.parametrize("role", FORBIDDEN_SQL)
async def test_role_is_refused_a_table(place: Place, role: str) -> None:
    database = Database(login(place, role).postgres_dsn, max_connections=1, timeout_s=10)
    try:
        async with database.connection("privileges") as conn:
            for table, letters in postgres_rules.tables_of(User("", (role,))).items():
                if "S" in letters:
                    await conn.fetch(f"SELECT * FROM {table} LIMIT 1")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await conn.execute(FORBIDDEN_SQL[role])
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await conn.execute("CREATE TABLE anything (id int)")
    finally:
        await database.close()


@pytest.mark.parametrize("role", FORBIDDEN_KEY)
async def test_role_is_refused_a_key_and_all_administration(place: Place, role: str) -> None:
    redis = connect(login(place, role).redis_url)
    pattern = redis_rules.keys_of(User("", (role,)))[0]
    try:
        await redis.set(pattern.replace("*", "0"), "x", px=1)
        for command in (("SET", FORBIDDEN_KEY[role], "x"), ("GET", FORBIDDEN_KEY[role])):
            with pytest.raises(NoPermissionError):
                await redis.execute_command(*command)  # type: ignore[no-untyped-call]
        for command in (("FLUSHALL",), ("KEYS", "*"), ("CONFIG", "GET", "*"), ("ACL", "LIST")):
            with pytest.raises(NoPermissionError):
                await redis.execute_command(*command)  # type: ignore[no-untyped-call]
        with pytest.raises(ResponseError, match="can't access at least one of the keys"):
            await redis.eval(f"return redis.call('GET', '{FORBIDDEN_KEY[role]}')", 0)  # type: ignore[misc]
    finally:
        await redis.aclose()
