"""Settings from the environment, with the guide's names, in frozen groups. Only composition roots read them.

A secret may also come from a file: ``<NAME>_FILE`` names it. No secret is in ``repr``, in errors or in logs.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from schemas.configuration.audit_days import read_audit_days, read_audit_days_of
from schemas.configuration.cells import Cells
from schemas.configuration.days import read_days
from schemas.configuration.engines import ClickHouse, Nats, Postgres, Redis
from schemas.configuration.group import Count, Flag, Group, Port
from schemas.configuration.issuer import read_pairs, read_roles, url_fault
from schemas.configuration.kafka import Kafka
from schemas.configuration.seeded_keys import read_seeded
from schemas.configuration.triggers import SchemaRegistry, Triggers
from schemas.configuration.variables import FILE_SUFFIX, Setting, Var, Variables, declared
from schemas.records.run_events import Capture
from schemas.triggers.allowed_topics import read_allowed


def _upper(raw: object) -> object:
    return raw.upper() if isinstance(raw, str) else raw


def _lower(raw: object) -> object:
    return raw.lower() if isinstance(raw, str) else raw


class Cache(Group):
    """Answers of models that are used again. Without ``url`` they are in the Redis of the tables, within the bounds."""

    enabled: Annotated[Flag, Var("CACHE_ENABLED")] = True
    url: Annotated[SecretStr, Var("CACHE_REDIS_URL")] = SecretStr("")
    ttl: Annotated[str, Var("CACHE_TTL")] = "3600"
    max_mb: Annotated[Count, Var("CACHE_MAX_MB")] = 256
    org_max_mb: Annotated[Count, Var("CACHE_ORG_MAX_MB")] = 64


class Bridge(Group):
    """The bridge to NATS JetStream: which directions are on, and the replicas of streams that it makes."""

    submissions: Annotated[Flag, Var("BRIDGE_SUBMISSIONS")] = False
    events: Annotated[Flag, Var("BRIDGE_EVENTS")] = False
    replicas: Annotated[int, Var("BRIDGE_REPLICAS"), Field(ge=1, le=5)] = 1


class Objects(Group):
    """Values over the inline limit: in a directory, or where ``url`` says. S3's access is the tools' as well."""

    directory: Annotated[str, Var("OBJECTS_DIR")] = ".agentflow/objects"
    url: Annotated[str, Var("OBJECTS_URL")] = ""
    max_inputs_bytes: Annotated[int, Var("MAX_INPUTS_BYTES")] = 8 * 1024 * 1024
    s3_endpoint: Annotated[str, Var("AWS_ENDPOINT_URL")] = ""
    s3_region: Annotated[str, Var("AWS_REGION")] = ""
    s3_key_id: Annotated[SecretStr, Var("AWS_ACCESS_KEY_ID")] = SecretStr("")
    s3_secret: Annotated[SecretStr, Var("AWS_SECRET_ACCESS_KEY")] = SecretStr("")


class Api(Group):
    """Where HTTP is served. Stream roles serve their metrics at ``host``, too.

    ``certificate_files`` are paths of PEM files, separated by commas, whose ends are shown as metrics. ``mcp`` serves
    `/mcp`. ``backup_max_age_s`` is how old the last backup may be, 0 where none are taken.
    """

    host: Annotated[str, Var("API_HOST")] = "127.0.0.1"
    port: Annotated[Port, Var("API_PORT")] = 8080
    default_org_id: Annotated[str, Var("DEFAULT_ORG_ID")] = "default"
    access_log: Annotated[Flag, Var("API_ACCESS_LOG")] = False
    certificate_files: Annotated[str, Var("CERTIFICATE_FILES")] = ""
    mcp: Annotated[Flag, Var("API_MCP")] = False
    backup_max_age_s: Annotated[int, Var("BACKUP_MAX_AGE_S"), Field(ge=0)] = 0


class Security(Group):
    """Keys of the API and of its page of metrics, envelope keys, and what is kept of requests and answers."""

    api_key: Annotated[SecretStr, Var("API_KEY")] = SecretStr("")
    api_keys: Annotated[SecretStr, Var("API_KEYS")] = SecretStr("")
    key_pepper: Annotated[SecretStr, Var("KEY_PEPPER")] = SecretStr("")
    metrics_key: Annotated[SecretStr, Var("METRICS_KEY")] = SecretStr("")
    vault_key: Annotated[SecretStr, Var("VAULT_KEY")] = SecretStr("")
    vault_key_before: Annotated[SecretStr, Var("VAULT_KEY_BEFORE")] = SecretStr("")
    capture: Annotated[Capture, Var("CAPTURE")] = "full"

    @field_validator("api_keys")
    @classmethod
    def _readable(cls, raw: SecretStr) -> SecretStr:
        read_seeded(raw.get_secret_value())
        return raw


class Vault(Group):
    """Where keys of organisations and data subjects are, and their master key.

    Without ``dsn`` they are in the database of the data. Without ``transit_url`` the master key is ``VAULT_KEY``.
    """

    dsn: Annotated[SecretStr, Var("VAULT_DSN")] = SecretStr("")
    transit_url: Annotated[str, Var("VAULT_TRANSIT_URL")] = ""
    transit_token: Annotated[SecretStr, Var("VAULT_TRANSIT_TOKEN")] = SecretStr("")
    transit_key: Annotated[str, Var("VAULT_TRANSIT_KEY"), Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "agentflow"

    @field_validator("transit_url")
    @classmethod
    def _http(cls, raw: str) -> str:
        if raw and not raw.startswith(("http://127.0.0.1:", "http://localhost:", "https://")):
            raise ValueError("is no address of https; write https://HOST:PORT/v1/transit")
        return raw


class Audit(Group):
    """The audit log. Without a key nothing is signed. ``name`` is the key's, and begins each log's origin.

    ``days`` is for how many days what entries say is kept, by kind (``key_use=90,decisions=365``); others for ever.
    ``days_of`` are those of single organisations (``acme:key_use=30``).
    """

    key: Annotated[SecretStr, Var("AUDIT_KEY")] = SecretStr("")
    name: Annotated[str, Var("AUDIT_LOG_NAME"), Field(pattern=r"^[A-Za-z0-9._/-]{1,128}$")] = "agentflow/audit"
    days: Annotated[str, Var("AUDIT_DAYS")] = ""
    days_of: Annotated[str, Var("AUDIT_DAYS_OF")] = ""

    @field_validator("days")
    @classmethod
    def _readable(cls, raw: str) -> str:
        read_audit_days(raw)
        return raw

    @field_validator("days_of")
    @classmethod
    def _readable_of(cls, raw: str) -> str:
        read_audit_days_of(raw)
        return raw


class Oidc(Group):
    """Tokens of an issuer that people may send instead of keys. Without an issuer there are none."""

    issuer: Annotated[str, Var("OIDC_ISSUER")] = ""
    audience: Annotated[str, Var("OIDC_AUDIENCE"), Field(validate_default=True)] = ""
    org_claim: Annotated[str, Var("OIDC_ORG_CLAIM")] = "org_id"
    organisations: Annotated[str, Var("OIDC_ORGANISATIONS")] = ""
    roles_claim: Annotated[str, Var("OIDC_ROLES_CLAIM")] = "roles"
    roles: Annotated[str, Var("OIDC_ROLES")] = "viewer=read,editor=read+write,admin=read+write+admin"

    @field_validator("issuer")
    @classmethod
    def _safe(cls, raw: str) -> str:
        if raw and (fault := url_fault(raw, is_issuer=True)):
            raise ValueError(fault)
        return raw

    @field_validator("audience")
    @classmethod
    def _with_issuer(cls, raw: str, info: ValidationInfo) -> str:
        if info.data.get("issuer") and not raw:
            raise ValueError("is missing beside OIDC_ISSUER; set it to what its tokens name for this API")
        return raw

    @field_validator("organisations")
    @classmethod
    def _pairs(cls, raw: str) -> str:
        read_pairs(raw)
        return raw

    @field_validator("roles")
    @classmethod
    def _roles(cls, raw: str) -> str:
        read_roles(raw)
        return raw


class Providers(Group):
    """Model providers and their prices."""

    openai_api_key: Annotated[SecretStr, Var("OPENAI_API_KEY")] = SecretStr("")
    openai_base_url: Annotated[str, Var("OPENAI_BASE_URL")] = "https://api.openai.com/v1"
    openai_wire: Annotated[Literal["chat", "responses"], Var("OPENAI_WIRE")] = "chat"
    anthropic_api_key: Annotated[SecretStr, Var("ANTHROPIC_API_KEY")] = SecretStr("")
    anthropic_base_url: Annotated[str, Var("ANTHROPIC_BASE_URL")] = "https://api.anthropic.com/v1"
    google_api_key: Annotated[SecretStr, Var("GOOGLE_API_KEY")] = SecretStr("")
    google_base_url: Annotated[str, Var("GOOGLE_BASE_URL")] = "https://generativelanguage.googleapis.com/v1beta"
    cohere_api_key: Annotated[SecretStr, Var("COHERE_API_KEY")] = SecretStr("")
    cohere_base_url: Annotated[str, Var("COHERE_BASE_URL")] = "https://api.cohere.com/v2"
    compatible_api_key: Annotated[SecretStr, Var("COMPATIBLE_API_KEY")] = SecretStr("")
    compatible_base_url: Annotated[str, Var("COMPATIBLE_BASE_URL")] = ""
    prices_file: Annotated[str, Var("PRICES_FILE")] = ""
    connections_file: Annotated[str, Var("PROVIDERS_FILE")] = ""
    facts_file: Annotated[str, Var("PROVIDER_FACTS_FILE")] = ""
    routes_file: Annotated[str, Var("ROUTES_FILE")] = ""
    quotas_file: Annotated[str, Var("QUOTAS_FILE")] = ""
    quotas_learned: Annotated[Flag, Var("QUOTAS_LEARNED")] = True
    embeddings_window_ms: Annotated[int, Var("EMBEDDINGS_WINDOW_MS")] = 5
    local_url: Annotated[str, Var("LOCAL_PROVIDER_URL")] = ""
    local_latency_ms: Annotated[int, Var("LOCAL_LATENCY_MS")] = 0
    local_error_rate: Annotated[float, Var("LOCAL_ERROR_RATE")] = 0.0
    local_rate_limit_per_s: Annotated[float, Var("LOCAL_RATE_LIMIT_PER_S")] = 0.0


class Tools(Group):
    """What tools may reach."""

    documents_dir: Annotated[str, Var("DOCUMENTS_DIR")] = "examples/documents"
    results_dir: Annotated[str, Var("RESULTS_DIR")] = ".agentflow/results"
    remote_buckets: Annotated[str, Var("REMOTE_BUCKETS")] = ""
    http_allow: Annotated[str, Var("HTTP_ALLOW")] = ""
    http_allow_networks: Annotated[str, Var("HTTP_ALLOW_NETWORKS")] = ""
    http_secrets: Annotated[str, Var("HTTP_SECRETS")] = ""
    mcp_servers_file: Annotated[str, Var("MCP_SERVERS_FILE")] = ""
    kafka_topics: Annotated[str, Var("KAFKA_PRODUCE_TOPICS")] = ""
    file: Annotated[str, Var("TOOLS")] = ""

    @field_validator("kafka_topics")
    @classmethod
    def _topics(cls, raw: str) -> str:
        read_allowed(raw)
        return raw


class Worker(Group):
    """What a worker takes and how long its leases and its drain last."""

    id: Annotated[str, Var("WORKER_ID")] = ""
    queues: Annotated[str, Var("WORKER_QUEUES")] = "gold,silver,bronze"
    concurrency: Annotated[Count, Var("WORKER_CONCURRENCY")] = 10
    isolation: Annotated[Literal["thread", "process"], Var("WORKER_ISOLATION")] = "thread"
    drain_s: Annotated[float, Var("WORKER_DRAIN_S")] = 25.0
    claim_lease_ms: Annotated[int, Var("CLAIM_LEASE_MS")] = 10_000


class Tables(Group):
    """The fenced tables and what they decide."""

    chain_steps: Annotated[Flag, Var("CHAIN_STEPS")] = False
    keep_finished_s: Annotated[float, Var("KEEP_FINISHED_S")] = 3600.0
    hold_ttl_ms: Annotated[int, Var("HOLD_TTL_MS")] = 120_000
    admission_pool: Annotated[int, Var("ADMISSION_POOL")] = 0
    checkpoint_interval_ms: Annotated[int, Var("CHECKPOINT_INTERVAL_MS")] = 30_000


class Batches(Group):
    """Calls that go to providers in batches: whether workers send any, and how the role ``batches`` gathers them."""

    enabled: Annotated[Flag, Var("BATCHES")] = True
    min_sla_s: Annotated[float, Var("BATCH_MIN_SLA_S")] = 86_400.0
    max_requests: Annotated[int, Var("BATCH_MAX_REQUESTS")] = 1_000
    max_mb: Annotated[int, Var("BATCH_MAX_MB")] = 64
    gather_s: Annotated[float, Var("BATCH_GATHER_S")] = 60.0
    poll_s: Annotated[float, Var("BATCH_POLL_S")] = 60.0


class Traces(Group):
    """Which traces are kept, of runs that have ended, and for how long; ``days_of`` as ``acme=7,other=365``."""

    share: Annotated[float, Var("TRACES_SHARE"), Field(ge=0, le=1)] = 1.0
    dear_cents: Annotated[int, Var("TRACES_DEAR_CENTS"), Field(ge=0)] = 100
    slow_ms: Annotated[int, Var("TRACES_SLOW_MS"), Field(ge=0)] = 60_000
    days: Annotated[Count, Var("TRACES_DAYS")] = 90
    days_of: Annotated[str, Var("TRACES_DAYS_OF")] = ""

    @field_validator("days_of")
    @classmethod
    def _readable(cls, raw: str) -> str:
        read_days(raw)
        return raw


#: Settlements that are added up must have left the log (``cost-events`` has 90 days), so that none comes again.
LEAST_COSTS_DAYS = 100


class Retention(Group):
    """For how many days ended runs, stored objects and single costs are kept, 0 for ever; by organisation as
    ``acme=7,other=365``.
    """

    runs_days: Annotated[int, Var("RUNS_DAYS"), Field(ge=0)] = 0
    runs_days_of: Annotated[str, Var("RUNS_DAYS_OF")] = ""
    objects_days: Annotated[int, Var("OBJECTS_DAYS"), Field(ge=0)] = 0
    objects_days_of: Annotated[str, Var("OBJECTS_DAYS_OF")] = ""
    costs_days: Annotated[int, Var("COSTS_DAYS"), Field(ge=0)] = 0
    costs_days_of: Annotated[str, Var("COSTS_DAYS_OF")] = ""

    @field_validator("runs_days_of", "objects_days_of", "costs_days_of")
    @classmethod
    def _readable(cls, raw: str) -> str:
        read_days(raw)
        return raw

    @field_validator("costs_days")
    @classmethod
    def _left_the_log(cls, days: int) -> int:
        if 0 < days < LEAST_COSTS_DAYS:
            raise ValueError(f"settlements are in the log for 90 days: 0, or {LEAST_COSTS_DAYS} and more")
        return days

    @field_validator("costs_days_of")
    @classmethod
    def _all_left_the_log(cls, raw: str) -> str:
        if any(days < LEAST_COSTS_DAYS for days in read_days(raw).values()):
            raise ValueError(f"settlements are in the log for 90 days: {LEAST_COSTS_DAYS} and more for each")
        return raw


class References(Group):
    """Models whose live answers are compared with those of a reference; without a file there are none."""

    file: Annotated[str, Var("REFERENCES_FILE")] = ""


class Otlp(Group):
    """Receivers of spans; without a file there are none."""

    targets_file: Annotated[str, Var("OTLP_TARGETS_FILE")] = ""


class Process(Group):
    """Supervision of a stream process. ``crash_point`` is for the crash tests."""

    metrics_port: Annotated[Port, Var("METRICS_PORT")] = 0
    start_timeout_s: Annotated[float, Var("START_TIMEOUT_S")] = 60.0
    ready_stall_s: Annotated[float, Var("READY_STALL_S")] = 10.0
    give_up_s: Annotated[float, Var("GIVE_UP_S")] = 0.0
    crash_point: Annotated[str, Var("CRASH_POINT")] = ""


class Grafana(Group):
    """Where live cost is pushed; without a URL it is in metrics alone. A user and a password may stand in it."""

    url: Annotated[SecretStr, Var("GRAFANA_URL")] = SecretStr("")
    token: Annotated[SecretStr, Var("GRAFANA_TOKEN")] = SecretStr("")
    stream: Annotated[str, Var("GRAFANA_STREAM"), Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "agentflow"

    @field_validator("url")
    @classmethod
    def _http(cls, raw: SecretStr) -> SecretStr:
        url = raw.get_secret_value()
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("is no address; write http://HOST:PORT or https://HOST")
        return raw


class Logging(Group):
    """Log lines: from which level up, and as sentences or as JSON objects."""

    level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper), Var("LOG_LEVEL")] = "INFO"
    format: Annotated[Literal["text", "json"], BeforeValidator(_lower), Var("LOG_FORMAT")] = "text"


class Settings(BaseSettings):
    """Everything that differs between one machine, a team and a cluster. ``Settings()`` has the defaults alone."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kafka: Kafka = Kafka()
    redis: Redis = Redis()
    cache: Cache = Cache()
    postgres: Postgres = Postgres()
    clickhouse: ClickHouse = ClickHouse()
    nats: Nats = Nats()
    bridge: Bridge = Bridge()
    objects: Objects = Objects()
    api: Api = Api()
    security: Security = Security()
    vault: Vault = Vault()
    audit: Audit = Audit()
    oidc: Oidc = Oidc()
    cells: Cells = Cells()
    providers: Providers = Providers()
    tools: Tools = Tools()
    worker: Worker = Worker()
    tables: Tables = Tables()
    batches: Batches = Batches()
    traces: Traces = Traces()
    retention: Retention = Retention()
    otlp: Otlp = Otlp()
    references: References = References()
    triggers: Triggers = Triggers()
    schema_registry: SchemaRegistry = SchemaRegistry()
    process: Process = Process()
    grafana: Grafana = Grafana()
    logging: Logging = Logging()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is the library's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing that was not handed over: which environment counts is the composition root's to say."""
        return (init_settings,)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read the settings. Raises ``ValueError`` with one line for each wrong variable: its name and the fix."""
        settings, problems = cls.checked(env)
        if problems:
            # Without the chain: what the file of a secret did to a parser is nobody's to read.
            raise ValueError("\n".join(problems.values()))
        return settings

    @classmethod
    def checked(cls, env: Mapping[str, str]) -> "tuple[Settings, dict[str, str]]":
        """Read the settings, and one line for each wrong variable; with any, the settings are the defaults."""
        source = Variables(cls, env)
        values = source()
        try:
            return cls(**values), source.errors
        except ValidationError as exc:
            return cls(), _problems(exc.errors(include_url=False)) | source.errors


def kafka_from_env(env: Mapping[str, str]) -> Kafka:
    """Read what is said of the log alone, for commands that talk to nothing else. Raises as ``Settings.from_env``."""
    names = [one.variable for one in variables().values() if one.group == "kafka"]
    own = {name: env[name] for name in (*names, *(name + FILE_SUFFIX for name in names)) if name in env}
    return Settings.from_env(own).kafka


@cache
def variables() -> Mapping[str, Setting]:
    """Return every setting by its variable."""
    return MappingProxyType({setting.variable: setting for setting in declared(Settings)})


def _problems(errors: Iterable[ErrorDetails]) -> dict[str, str]:
    """Return the first error of each variable."""
    places = {(setting.group, setting.field): setting for setting in variables().values()}
    found: dict[str, str] = {}
    for error in errors:
        setting = places[str(error["loc"][0]), str(error["loc"][1])]
        shown = setting.variable if setting.secret else f"{setting.variable}={error['input']!r}"
        found.setdefault(setting.variable, f"{shown} {_fix(error, setting)}")
    return found


def _fix(error: ErrorDetails, setting: Setting) -> str:
    context: dict[str, Any] = error.get("ctx", {})
    match error["type"]:
        case "flag":
            return error["msg"]
        case "literal_error":
            return f"is not one of {context['expected']}; write one of them"
        case "int_parsing" | "int_from_float" | "int_parsing_size":
            return f"is not a whole number; write one such as {setting.default}, in the digits 0 to 9"
        case "float_parsing":
            return f"is not a number; write one such as {setting.default}, in the digits 0 to 9"
        case "greater_than_equal":
            return f"is too small; write at least {context['ge']}"
        case "less_than_equal":
            return f"is too large; write at most {context['le']}"
        case "value_error":
            return str(context["error"])
    return f"is not valid: {error['msg']}"
