"""What is refused outside of one machine, and that each refusal says why and what to do."""

from pathlib import Path

import pytest

from deploy.verify.findings import (
    EXAMPLES,
    Finding,
    RedisServer,
    hosts_of,
    is_local,
    of_differences,
    of_postgres,
    of_redis,
    of_settings,
    of_topics,
)
from schemas.settings import Settings

ROOT = Path(__file__).parents[4]
SAFE = {
    "KAFKA_BOOTSTRAP": "a:9092,b:9092,c:9092",
    "KAFKA_SECURITY_PROTOCOL": "SSL",
    "TOPIC_REPLICATION": "3",
    "TOPIC_MIN_ISR": "2",
    "REDIS_URL": "rediss+cluster://:long@a,b,c",
    "DATABASE_URL": "postgresql://u:long@a,b/agentflow?sslmode=verify-full",
    "CLICKHOUSE_URL": "https://u:long@a:8443",
    "OBJECTS_URL": "s3://bucket/values",
    "KEY_PEPPER": "a long random text",
}


def names(found: object) -> list[str]:
    assert not isinstance(found, str)
    return [finding.name for finding in found]  # type: ignore[attr-defined]


def test_a_safe_site_is_refused_nothing() -> None:
    assert list(of_settings(Settings.from_env(SAFE))) == []
    assert not is_local(Settings.from_env(SAFE))


def test_the_defaults_are_local_and_unsafe() -> None:
    settings = Settings()
    assert is_local(settings)
    assert {"plaintext", "replication", "min-isr", "objects", "no-password", "no-pepper"} <= set(
        names(of_settings(settings))
    )


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}, "plaintext"),
        ({"REDIS_URL": "redis://:long@a"}, "plaintext"),
        ({"DATABASE_URL": "postgresql://u:long@a/x?sslmode=prefer"}, "plaintext"),
        ({"CLICKHOUSE_URL": "http://u:long@a:8123"}, "plaintext"),
        ({"NATS_URL": "nats://u:long@a:4222"}, "plaintext"),
        ({"TOPIC_REPLICATION": "1", "TOPIC_MIN_ISR": "1"}, "replication"),
        ({"TOPIC_MIN_ISR": "1"}, "min-isr"),
        ({"REDIS_URL": "rediss://a"}, "no-password"),
        ({"DATABASE_URL": "postgresql://u:agentflow_password@a/x?sslmode=require"}, "example-secret"),
        ({"API_KEY": "change-me-to-a-long-random-text"}, "example-secret"),
        ({"KEY_PEPPER": ""}, "no-pepper"),
        ({"OBJECTS_URL": ""}, "objects"),
    ],
)
def test_what_is_unsafe_is_named_with_its_reason_and_fix(changed: dict[str, str], name: str) -> None:
    found = [one for one in of_settings(Settings.from_env(SAFE | changed)) if one.name == name]
    assert found, name
    assert all(one.why and one.fix and "long@" not in str(one) for one in found)


def test_every_secret_of_the_example_file_is_known() -> None:
    lines = [line.partition("=") for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()]
    secret = ("PASSWORD", "API_KEY", "KEY_PEPPER", "VAULT_KEY", "AUDIT_KEY")
    given = {value for name, _, value in lines if name.endswith(secret) and value and "FILE" not in name}
    assert given <= set(EXAMPLES)


def test_topics_by_what_brokers_say() -> None:
    safe, unsafe = {"a": 3, "b": 3}, {"a": 3, "b": 1}
    assert list(of_topics(safe, {"a": 2, "b": 2}, [])) == []
    assert names(of_topics(unsafe, {"a": 2, "b": 1}, ["a"])) == ["replication", "min-isr", "unclean-election"]
    (one,) = of_topics(dict.fromkeys("abcde", 1), {}, [])
    assert one.what == "a, b, c and 2 more have fewer replicas"
    assert names(of_differences(["runs: retention.ms is '1', should be '2'"])) == ["topics"]
    assert list(of_differences([])) == []


@pytest.mark.parametrize(
    ("settings", "replicas", "found"),
    [
        ({"maxmemory-policy": "noeviction"}, 0, []),
        ({"maxmemory-policy": "allkeys-lru"}, 0, ["eviction"]),
        ({"appendonly": "yes", "appendfsync": "everysec", "min-replicas-to-write": "1"}, 1, []),
        ({"appendonly": "no", "min-replicas-to-write": "1"}, 1, ["appendonly"]),
        ({"appendonly": "yes", "appendfsync": "no", "min-replicas-to-write": "1"}, 1, ["fsync"]),
        ({"appendonly": "yes", "appendfsync": "always"}, 2, ["min-replicas"]),
        (None, 1, ["redis-unknown"]),
    ],
)
def test_servers_of_redis(settings: dict[str, str] | None, replicas: int, found: list[str]) -> None:
    assert names(of_redis([RedisServer("a:6379", settings, replicas)])) == found


def test_postgres() -> None:
    assert names(of_postgres({"fsync": "off", "synchronous_commit": "on"})) == ["postgres-durability"]


def test_hosts_of_urls_with_several() -> None:
    assert hosts_of("redis+cluster://:p@a:1,b,[::1]:3") == ["a", "b", "[::1]"]
    assert str(Finding("n", "what", "why", "Fix")) == "n: what: why. Fix"
