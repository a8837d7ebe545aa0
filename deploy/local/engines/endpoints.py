"""Addresses of the running engines, as data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from schemas.configuration.kafka_access import KafkaAccess, access_of


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses of the engines that a stack started; an engine that was not asked for has an empty string.

    The Redis, PostgreSQL, ClickHouse and NATS addresses contain the password that protects them from other users of the
    machine, so an `Endpoints` must not be logged whole.
    """

    data_dir: Path
    kafka_bootstrap: str = ""  # "127.0.0.1:9092", which carries its access (`Bootstrap`)
    redis_url: str = ""  # "redis://:password@127.0.0.1:6379/0"
    postgres_dsn: str = ""  # "postgresql://postgres:password@127.0.0.1:5432/agentflow"
    clickhouse_url: str = ""  # "http://default:password@127.0.0.1:8123"
    nats_url: str = ""  # "nats://agentflow:password@127.0.0.1:4222"

    def as_dict(self) -> dict[str, str]:
        """All fields as strings, ready for JSON."""
        return {name: str(value) for name, value in asdict(self).items()}

    def as_env(self) -> dict[str, str]:
        """The environment variables that the roles read, for the engines that were started."""
        env = {
            "KAFKA_BOOTSTRAP": str(self.kafka_bootstrap),
            **_kafka_login(self.kafka_bootstrap),
            "REDIS_URL": self.redis_url,
            "DATABASE_URL": self.postgres_dsn,
            "CLICKHOUSE_URL": self.clickhouse_url,
            "NATS_URL": self.nats_url,
        }
        return {name: value for name, value in env.items() if value}


def _kafka_login(bootstrap: str) -> dict[str, str]:
    """The variables that say how the brokers are reached; none for plain ones."""
    access = access_of(bootstrap)
    if access == KafkaAccess():
        return {}
    login = {
        "KAFKA_SECURITY_PROTOCOL": access.protocol,
        "KAFKA_SASL_MECHANISM": access.mechanism,
        "KAFKA_SASL_USERNAME": access.username,
        "KAFKA_SASL_PASSWORD": access.password,
        "KAFKA_SSL_CAFILE": access.files.ca,
        "KAFKA_SSL_CERTFILE": access.files.cert,
        "KAFKA_SSL_KEYFILE": access.files.key,
    }
    return {name: value for name, value in login.items() if value}
