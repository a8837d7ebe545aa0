"""The privileges as text that the engines' own tools take. Passwords are not in it."""

from collections.abc import Iterator, Sequence

from deploy.privileges import clickhouse_rules, postgres_rules, redis_rules
from deploy.privileges.kafka_rules import Foreign, rules_of
from deploy.privileges.users import User

_TOOL = "kafka-acls.sh --bootstrap-server $BOOTSTRAP --command-config admin.properties --add"


def kafka(users: Sequence[User], foreign: Foreign) -> Iterator[str]:
    """Yield commands of Kafka's tools."""
    for user in users:
        yield f"# {user.name}"
        for rule in rules_of(user, foreign):
            pattern = " --resource-pattern-type prefixed" if rule.prefixed else ""
            who = f"--allow-principal User:{user.name} --operation {rule.operation}"
            yield f"{_TOOL} {who} --{rule.resource} {rule.name}{pattern}"


def postgres(users: Sequence[User]) -> Iterator[str]:
    """Yield a script of psql."""
    yield "BEGIN;"
    for user in users:
        yield from (f"{statement};" for statement in postgres_rules.statements(user, ""))
    yield "COMMIT;"
    yield from (f'\\password "{user.name}"' for user in users)


def redis(users: Sequence[User]) -> Iterator[str]:
    """Yield lines of a file of access lists; each lacks its password, as ``#`` and its SHA-256."""
    for user in users:
        yield f"user {user.name} {' '.join(redis_rules.rules(user))}"


def clickhouse(users: Sequence[User], database: str) -> Iterator[str]:
    """Yield statements; each user then needs ``ALTER USER … IDENTIFIED BY``."""
    for user in users:
        yield from (f"{statement};" for statement in clickhouse_rules.statements(user, database, ""))
