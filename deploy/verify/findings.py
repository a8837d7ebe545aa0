"""Rules of what is unsafe outside of one machine, as pure functions of settings and of what engines say of themselves.

A finding has a name, by which an operator may allow it: ``python -m deploy.verify --allow plaintext``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from schemas.configuration.engines import ENCRYPTED_MODES
from schemas.settings import Settings

LEAST_REPLICAS, LEAST_IN_SYNC = 3, 2
LOOPBACK = ("127.0.0.1", "localhost", "::1", "")
#: Texts that the example files have where a secret belongs.
EXAMPLES = (
    "agentflow_password",
    "change-me-to-a-long-random-text",
    "change-me-to-another-long-random-text",
    "admin",
    "password",
)
_SECRETS = {
    "API_KEY": "anybody may act as the first administrator",
    "KEY_PEPPER": "stored keys can be tried offline",
    "VAULT_KEY": "secrets of organisations can be read by anybody with the database",
    "AUDIT_KEY": "anybody can sign an audit log",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something unsafe: its name, what it is, what may happen by it, and what to do."""

    name: str
    what: str
    why: str
    fix: str

    def __str__(self) -> str:
        return f"{self.name}: {self.what}: {self.why}. {self.fix}"


@dataclass(frozen=True, slots=True)
class RedisServer:
    """What one server of Redis says: its settings (``None`` where it does not say) and how many replicas it has."""

    where: str
    settings: Mapping[str, str] | None
    replicas: int


def is_local(settings: Settings) -> bool:
    """Return whether all engines are on this machine, as with ``make run``."""
    urls = [settings.redis.url, settings.postgres.dsn, settings.clickhouse.url]
    hosts = [host for url in urls for host in hosts_of(url.get_secret_value())]
    hosts += [server.rpartition(":")[0] for server in str(settings.kafka.bootstrap).split(",")]
    return all(host.strip("[]") in LOOPBACK for host in hosts)


def hosts_of(url: str) -> list[str]:
    """Return the hosts of a URL that may name several, without their ports."""
    netloc = urlsplit(url).netloc.rpartition("@")[2]
    return [one.rpartition(":")[0] if ":" in one.rpartition("]")[2] else one for one in netloc.split(",")]


def of_settings(settings: Settings) -> Iterator[Finding]:
    """Yield what is unsafe in settings alone."""
    yield from _plaintext(settings)
    yield from _passwords(settings)
    if settings.kafka.replication < LEAST_REPLICAS:
        yield Finding(
            "replication",
            f"TOPIC_REPLICATION={settings.kafka.replication}",
            "new topics are lost with a broker",
            f"Set it to {LEAST_REPLICAS}",
        )
    if settings.kafka.min_isr < LEAST_IN_SYNC:
        yield Finding(
            "min-isr",
            f"TOPIC_MIN_ISR={settings.kafka.min_isr}",
            "a write is acknowledged that one broker alone has, and may be lost with it",
            f"Set it to {LEAST_IN_SYNC}",
        )
    if not settings.objects.url:
        yield Finding(
            "objects",
            f"values over the inline limit are in the directory {settings.objects.directory}",
            "another machine does not find them",
            "Set OBJECTS_URL to a bucket, such as s3://BUCKET/PREFIX, or allow it if all share the directory",
        )


def _plaintext(settings: Settings) -> Iterator[Finding]:
    plain = {
        "KAFKA_SECURITY_PROTOCOL": settings.kafka.security_protocol in ("PLAINTEXT", "SASL_PLAINTEXT"),
        "REDIS_URL": not settings.redis.url.get_secret_value().startswith("rediss"),
        "DATABASE_URL": not _is_encrypted(settings.postgres.dsn.get_secret_value()),
        "CLICKHOUSE_URL": not settings.clickhouse.url.get_secret_value().startswith("https:"),
        "NATS_URL": settings.nats.url.get_secret_value().startswith("nats:"),
    }
    if names := ", ".join(name for name, is_plain in plain.items() if is_plain):
        yield Finding(
            "plaintext",
            f"{names} may be read on the way",
            "prompts, answers and passwords are in it",
            "Encrypt them (docs/how-to/encrypt.md), or allow it where the network does so",
        )


def _is_encrypted(dsn: str) -> bool:
    return parse_qs(urlsplit(dsn).query).get("sslmode", ["prefer"])[0] in ENCRYPTED_MODES


def _passwords(settings: Settings) -> Iterator[Finding]:
    urls = {
        "REDIS_URL": settings.redis.url,
        "DATABASE_URL": settings.postgres.dsn,
        "CLICKHOUSE_URL": settings.clickhouse.url,
    }
    for name, url in urls.items():
        password = _password(url.get_secret_value())
        if not password and "sslcert=" not in url.get_secret_value():
            yield Finding("no-password", f"{name} has no password", "every client has all data", "Set one")
        elif password in EXAMPLES:
            yield _example(f"the password of {name}", "everybody knows it")
    secrets = settings.security
    values = {
        "API_KEY": secrets.api_key,
        "KEY_PEPPER": secrets.key_pepper,
        "VAULT_KEY": secrets.vault_key,
        "AUDIT_KEY": settings.audit.key,
    }
    for name, why in _SECRETS.items():
        if values[name].get_secret_value() in EXAMPLES:
            yield _example(name, why)
    if not secrets.key_pepper.get_secret_value():
        yield Finding("no-pepper", "KEY_PEPPER is empty", _SECRETS["KEY_PEPPER"], "Set it to a long random text")


def _password(url: str) -> str:
    login = urlsplit(url).netloc.rpartition("@")[0]
    return login.partition(":")[2]


def _example(what: str, why: str) -> Finding:
    return Finding("example-secret", f"{what} is the one of an example file", why, "Set a long random text of your own")


def of_topics(replicas: Mapping[str, int], in_sync: Mapping[str, int], unclean: Sequence[str]) -> Iterator[Finding]:
    """Yield what is unsafe in topics: fewest replicas of each, least in sync, those with unclean elections."""
    if few := sorted(topic for topic, count in replicas.items() if count < LEAST_REPLICAS):
        fix = f"Reassign them to {LEAST_REPLICAS} with kafka-reassign-partitions"
        yield Finding("replication", _said(few, "have fewer replicas"), "they are lost with a broker", fix)
    if few := sorted(topic for topic, count in in_sync.items() if count < LEAST_IN_SYNC):
        fix = f"Set min.insync.replicas={LEAST_IN_SYNC} with kafka-configs"
        yield Finding("min-isr", _said(few, "need one replica in sync"), "acknowledged records may be lost", fix)
    if unclean:
        fix = "Set unclean.leader.election.enable=false"
        why = "a replica without all acknowledged records may become the leader"
        yield Finding("unclean-election", _said(sorted(unclean), "allow unclean elections"), why, fix)


def of_differences(differences: Sequence[str]) -> Iterator[Finding]:
    """Yield that topics differ from the catalogue, such as by a shorter retention."""
    if differences:
        why = "records are gone before they are read, or keys go elsewhere"
        yield Finding("topics", _said(differences, "differ from the catalogue"), why, "See `python -m topics verify`")


def of_redis(servers: Sequence[RedisServer]) -> Iterator[Finding]:
    """Yield what is unsafe in servers of Redis."""
    for server in servers:
        if server.settings is None:
            why = "an eviction or a restart may empty tables"
            fix = "Look at maxmemory-policy and appendonly yourself, and allow it"
            yield Finding("redis-unknown", f"Redis at {server.where} does not say its settings", why, fix)
            continue
        yield from _of_server(server.where, server.settings, server.replicas)


def _of_server(where: str, settings: Mapping[str, str], replicas: int) -> Iterator[Finding]:
    policy = settings.get("maxmemory-policy", "noeviction")
    if policy != "noeviction":
        yield Finding(
            "eviction",
            f"Redis at {where} has maxmemory-policy {policy}",
            "claims, holds and entries of tables vanish to make room",
            "Set it to noeviction; give cached answers a Redis of their own by CACHE_REDIS_URL",
        )
    if not replicas:
        return
    if settings.get("appendonly") != "yes":
        yield Finding(
            "appendonly",
            f"Redis at {where} has replicas and no append-only file",
            "a master that restarts before it is missed comes back empty, and empties its replicas",
            "Set appendonly yes",
        )
    elif settings.get("appendfsync") == "no":
        yield Finding(
            "fsync",
            f"Redis at {where} has appendfsync no",
            "a restart of the machine loses up to half a minute of writes",
            "Set appendfsync everysec",
        )
    if settings.get("min-replicas-to-write", "0") == "0":
        yield Finding(
            "min-replicas",
            f"Redis at {where} has min-replicas-to-write 0",
            "a master that is cut off still accepts writes that its successor lacks",
            "Set min-replicas-to-write 1",
        )


def of_postgres(settings: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what is unsafe in PostgreSQL."""
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        if settings.get(name) == "off":
            why = "definitions and keys that were acknowledged are lost in a crash"
            yield Finding("postgres-durability", f"PostgreSQL has {name} off", why, f"Set {name} on")


def _said(names: Sequence[str], what: str) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more} {what}"
