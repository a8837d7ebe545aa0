"""Settings of the engines: where each one is, and how its connections are encrypted and log in.

An address that is given with files of certificates carries them in its query, so that whatever makes a client needs
nothing else. Files without an encrypted address are refused: nobody should believe in an encryption that is not there.
"""

from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from schemas.configuration.encrypted import Encrypted, carrying, files_of, first_file, sound
from schemas.configuration.group import Flag
from schemas.configuration.tls_files import TlsFiles, credentials_fault, with_query
from schemas.configuration.variables import Var

#: The words of an address' query for the files: redis-py's, libpq's, clickhouse-connect's, and ours for NATS.
REDIS_FILES = {"ca": "ssl_ca_certs", "cert": "ssl_certfile", "key": "ssl_keyfile"}
POSTGRES_FILES = {"ca": "sslrootcert", "cert": "sslcert", "key": "sslkey"}
CLICKHOUSE_FILES = {"ca": "ca_cert", "cert": "client_cert", "key": "client_cert_key"}
NATS_FILES = {"ca": "ca", "cert": "cert", "key": "key"}
NATS_CREDS = "creds"
#: The word of a DSN's query by which no statement is kept in the server: a pooler changes sessions in between.
UNPREPARED = "unprepared"
#: Modes of libpq in which the server must encrypt; in the others it may choose not to.
ENCRYPTED_MODES = ("require", "verify-ca", "verify-full")
_MODES = ("disable", "allow", "prefer", *ENCRYPTED_MODES)


class Redis(Encrypted):
    """Where tables, leases and holds are. ``rediss://`` is encrypted."""

    cafile: Annotated[str, Var("REDIS_CAFILE")] = ""
    certfile: Annotated[str, Var("REDIS_CERTFILE")] = ""
    keyfile: Annotated[str, Var("REDIS_KEYFILE"), Field(validate_default=True)] = ""
    url: Annotated[SecretStr, Var("REDIS_URL"), Field(validate_default=True)] = SecretStr("redis://127.0.0.1:6379/0")

    @field_validator("url")
    @classmethod
    def _with_files(cls, raw: SecretStr, info: ValidationInfo) -> SecretStr:
        return carrying(cls, raw, info, REDIS_FILES, "rediss", "write rediss:// or REDIS_TLS=true")


class Postgres(Encrypted):
    """Where definitions and the history of runs are. Files of certificates set ``sslmode`` to ``verify-full``.

    Without ``prepared_statements`` it may be behind a pooler of transactions, such as PgBouncer.
    """

    ssl_root_cert: Annotated[str, Var("DB_SSL_ROOT_CERT")] = ""
    ssl_cert: Annotated[str, Var("DB_SSL_CERT")] = ""
    ssl_key: Annotated[str, Var("DB_SSL_KEY"), Field(validate_default=True)] = ""
    prepared_statements: Annotated[Flag, Var("DB_PREPARED_STATEMENTS")] = True
    dsn: Annotated[SecretStr, Var("DATABASE_URL"), Field(validate_default=True)] = SecretStr(
        "postgresql://agentflow@127.0.0.1:5432/agentflow"
    )

    @field_validator("dsn")
    @classmethod
    def _with_files(cls, raw: SecretStr, info: ValidationInfo) -> SecretStr:
        dsn, files = raw.get_secret_value(), files_of(info)
        if not info.data.get("prepared_statements", True):
            dsn = with_query(dsn, {UNPREPARED: "true"})
            raw = SecretStr(dsn)
        mode = parse_qs(urlsplit(dsn).query).get("sslmode", [""])[0]
        if mode and mode not in _MODES:
            raise ValueError(f"has an sslmode (DB_SSL_MODE) that is none of {', '.join(_MODES)}; write one of them")
        if files == TlsFiles():
            return raw
        if mode and mode not in ENCRYPTED_MODES:
            raise ValueError(
                f"has sslmode={mode}, which may leave connections plain, beside {first_file(cls, info)}; "
                "write verify-full (DB_SSL_MODE)"
            )
        return SecretStr(with_query(dsn, files.as_query(POSTGRES_FILES) | {"sslmode": mode or "verify-full"}))


class ClickHouse(Encrypted):
    """Where analytics are. ``https://`` is encrypted. Migrations make tables on all replicas of ``cluster``."""

    cafile: Annotated[str, Var("CLICKHOUSE_CAFILE")] = ""
    certfile: Annotated[str, Var("CLICKHOUSE_CERTFILE")] = ""
    keyfile: Annotated[str, Var("CLICKHOUSE_KEYFILE"), Field(validate_default=True)] = ""
    url: Annotated[SecretStr, Var("CLICKHOUSE_URL"), Field(validate_default=True)] = SecretStr("http://127.0.0.1:8123")
    database: Annotated[str, Var("CLICKHOUSE_DATABASE")] = "agentflow"
    cluster: Annotated[str, Var("CLICKHOUSE_CLUSTER"), Field(pattern=r"^[A-Za-z0-9_-]{0,64}$")] = ""

    @field_validator("url")
    @classmethod
    def _with_files(cls, raw: SecretStr, info: ValidationInfo) -> SecretStr:
        return carrying(cls, raw, info, CLICKHOUSE_FILES, "https", "write https:// or CLICKHOUSE_SECURE=true")


class Nats(Encrypted):
    """Hurries cancels and live updates; without a URL there is none. ``tls://`` is encrypted.

    ``creds`` is a file of a user's JWT and its seed, as NATS' tools write it.
    """

    cafile: Annotated[str, Var("NATS_CAFILE")] = ""
    certfile: Annotated[str, Var("NATS_CERTFILE")] = ""
    keyfile: Annotated[str, Var("NATS_KEYFILE"), Field(validate_default=True)] = ""
    creds: Annotated[str, Var("NATS_CREDS")] = ""
    url: Annotated[SecretStr, Var("NATS_URL"), Field(validate_default=True)] = SecretStr("")

    @field_validator("creds")
    @classmethod
    def _readable(cls, raw: str) -> str:
        return sound(raw, raw and credentials_fault(raw))

    @field_validator("url")
    @classmethod
    def _with_files(cls, raw: SecretStr, info: ValidationInfo) -> SecretStr:
        if not raw.get_secret_value():
            return raw
        found = carrying(cls, raw, info, NATS_FILES, "tls", "write tls://")
        return SecretStr(with_query(found.get_secret_value(), {NATS_CREDS: info.data.get("creds", "")}))
