"""Settings from the environment, with the guide's names. Only composition roots read them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote


@dataclass(frozen=True)
class Settings:
    """Everything that differs between one machine, a team and a cluster.

    ``partitions`` is the partition count of new topics. ``secrets`` are never shown by ``repr``.
    """

    kafka_bootstrap: str = "127.0.0.1:9092"
    redis_url: str = field(default="redis://127.0.0.1:6379/0", repr=False)
    postgres_dsn: str = field(default="postgresql://agentflow@127.0.0.1:5432/agentflow", repr=False)
    clickhouse_url: str = field(default="http://127.0.0.1:8123", repr=False)
    clickhouse_database: str = "agentflow"
    nats_url: str = field(default="", repr=False)
    api_host: str = "127.0.0.1"
    api_port: int = 8080
    metrics_port: int = 0
    default_org_id: str = "default"
    api_key: str = field(default="", repr=False)
    key_pepper: str = field(default="", repr=False)
    openai_api_key: str = field(default="", repr=False)
    openai_base_url: str = "https://api.openai.com/v1"
    local_provider_url: str = ""
    local_latency_ms: int = 0
    local_error_rate: float = 0.0
    local_rate_limit_per_s: float = 0.0
    prices_file: str = ""
    objects_dir: str = ".agentflow/objects"
    max_inputs_bytes: int = 8 * 1024 * 1024
    objects_url: str = ""
    remote_buckets: str = ""
    results_dir: str = ".agentflow/results"
    http_allow: str = ""
    http_allow_networks: str = ""
    http_secrets: str = ""
    s3_endpoint: str = ""
    s3_region: str = ""
    s3_key_id: str = field(default="", repr=False)
    s3_secret: str = field(default="", repr=False)
    documents_dir: str = "examples/documents"
    worker_id: str = ""
    worker_queues: str = "gold,silver,bronze"
    worker_concurrency: int = 10
    worker_drain_s: float = 25.0
    claim_lease_ms: int = 10_000
    chain_steps: bool = False
    keep_finished_s: float = 3600.0
    hold_ttl_ms: int = 120_000
    admission_pool: int = 0
    checkpoint_interval_ms: int = 30_000
    partitions: int = 12
    replication: int = 1
    session_timeout_ms: int = 6_000
    group_instance_id: str = ""
    start_timeout_s: float = 60.0
    ready_stall_s: float = 10.0
    give_up_s: float = 0.0
    capture: str = "full"
    crash_point: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read the settings. Raises ``ValueError`` that names the variable and the value."""
        values: dict[str, object] = {}
        for name, spec in cls.__dataclass_fields__.items():
            raw = env.get(_ENV_NAMES.get(name, name.upper()))
            if raw is not None and raw != "":
                values[name] = _convert(_ENV_NAMES.get(name, name.upper()), raw, spec.type)
        return cls(**(_urls(env) | values))  # type: ignore[arg-type]


_ENV_NAMES = {
    "postgres_dsn": "DATABASE_URL",
    "partitions": "TOPIC_PARTITIONS",
    "replication": "TOPIC_REPLICATION",
    "s3_endpoint": "AWS_ENDPOINT_URL",
    "s3_region": "AWS_REGION",
    "s3_key_id": "AWS_ACCESS_KEY_ID",
    "s3_secret": "AWS_SECRET_ACCESS_KEY",
}


def _convert(name: str, raw: str, kind: object) -> object:
    if kind is bool or kind == "bool":
        return _flag(name, raw)
    try:
        if kind is int or kind == "int":
            return int(raw)
        if kind is float or kind == "float":
            return float(raw)
    except ValueError as exc:
        raise ValueError(f"{name}={raw!r} is not a number") from exc
    return raw


def _flag(name: str, raw: str) -> bool:
    if raw.lower() not in ("true", "false"):
        raise ValueError(f"{name}={raw!r} is neither true nor false")
    return raw.lower() == "true"


def _urls(env: Mapping[str, str]) -> dict[str, object]:
    """Build the URLs from the guide's split variables (``DB_HOST`` …), where those are given."""
    urls: dict[str, object] = {}
    if "DB_HOST" in env:
        user, password = quote(env.get("DB_USER", "agentflow")), quote(env.get("DB_PASSWORD", ""))
        where = f"{env['DB_HOST']}:{env.get('DB_PORT', '5432')}/{env.get('DB_NAME', 'agentflow')}"
        urls["postgres_dsn"] = f"postgresql://{user}:{password}@{where}?sslmode={env.get('DB_SSL_MODE', 'disable')}"
    if "REDIS_HOST" in env:
        secret = f":{quote(env['REDIS_PASSWORD'])}@" if env.get("REDIS_PASSWORD") else ""
        urls["redis_url"] = f"redis://{secret}{env['REDIS_HOST']}:{env.get('REDIS_PORT', '6379')}/0"
    if "CLICKHOUSE_HOST" in env:
        user, password = quote(env.get("CLICKHOUSE_USER", "default")), quote(env.get("CLICKHOUSE_PASSWORD", ""))
        login = f"{user}:{password}@" if password or user != "default" else ""
        urls["clickhouse_url"] = f"http://{login}{env['CLICKHOUSE_HOST']}:{env.get('CLICKHOUSE_HTTP_PORT', '8123')}"
    return urls
