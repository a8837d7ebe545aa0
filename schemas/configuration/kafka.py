"""Settings of the log: where the brokers are, how connections are encrypted, and how they log in."""

from typing import Annotated

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from schemas.configuration.encrypted import Encrypted, files_of, sound
from schemas.configuration.group import Count
from schemas.configuration.kafka_access import (
    MECHANISMS,
    Bootstrap,
    KafkaAccess,
    Mechanism,
    Protocol,
    TokenEndpoint,
    token_endpoint_fault,
)
from schemas.configuration.tls_files import authority_fault
from schemas.configuration.variables import Var

_WITH_PASSWORD = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class Kafka(Encrypted):
    """The log. ``partitions``, ``replication`` and ``min_isr`` are those of new topics.

    ``bootstrap`` is a ``Bootstrap``: it carries what the other fields say of access.
    """

    partitions: Annotated[Count, Var("TOPIC_PARTITIONS")] = 12
    replication: Annotated[Count, Var("TOPIC_REPLICATION")] = 1
    min_isr: Annotated[Count, Var("TOPIC_MIN_ISR"), Field(validate_default=True)] = 1
    session_timeout_ms: Annotated[int, Var("SESSION_TIMEOUT_MS")] = 6_000
    group_instance_id: Annotated[str, Var("GROUP_INSTANCE_ID")] = ""
    security_protocol: Annotated[Protocol, Var("KAFKA_SECURITY_PROTOCOL")] = "PLAINTEXT"
    sasl_mechanism: Annotated[Mechanism, Var("KAFKA_SASL_MECHANISM"), Field(validate_default=True)] = ""
    sasl_username: Annotated[str, Var("KAFKA_SASL_USERNAME"), Field(validate_default=True)] = ""
    sasl_password: Annotated[SecretStr, Var("KAFKA_SASL_PASSWORD"), Field(validate_default=True)] = SecretStr("")
    ssl_cafile: Annotated[str, Var("KAFKA_SSL_CAFILE")] = ""
    ssl_certfile: Annotated[str, Var("KAFKA_SSL_CERTFILE")] = ""
    ssl_keyfile: Annotated[str, Var("KAFKA_SSL_KEYFILE"), Field(validate_default=True)] = ""
    oauth_token_url: Annotated[str, Var("KAFKA_OAUTH_TOKEN_URL"), Field(validate_default=True)] = ""
    oauth_client_id: Annotated[str, Var("KAFKA_OAUTH_CLIENT_ID"), Field(validate_default=True)] = ""
    oauth_client_secret: Annotated[SecretStr, Var("KAFKA_OAUTH_CLIENT_SECRET"), Field(validate_default=True)] = (
        SecretStr("")
    )
    oauth_scope: Annotated[str, Var("KAFKA_OAUTH_SCOPE")] = ""
    oauth_cafile: Annotated[str, Var("KAFKA_OAUTH_CAFILE")] = ""

    bootstrap: Annotated[str, Var("KAFKA_BOOTSTRAP"), Field(validate_default=True)] = "127.0.0.1:9092"

    @field_validator("bootstrap")
    @classmethod
    def _with_access(cls, raw: str, info: ValidationInfo) -> Bootstrap:
        found = info.data
        if cls.model_fields.keys() - found.keys() - {"bootstrap"}:
            return Bootstrap(raw, KafkaAccess())  # another field is wrong, so that nothing is made of this one
        tokens = TokenEndpoint(
            url=found["oauth_token_url"],
            client_id=found["oauth_client_id"],
            client_secret=found["oauth_client_secret"].get_secret_value(),
            scope=found["oauth_scope"],
            ca=found["oauth_cafile"],
        )
        return Bootstrap(
            raw,
            KafkaAccess(
                protocol=found["security_protocol"],
                mechanism=found["sasl_mechanism"],
                username=found["sasl_username"],
                password=found["sasl_password"].get_secret_value(),
                files=files_of(info),
                tokens=tokens,
            ),
            found["partitions"],
        )

    @field_validator("min_isr")
    @classmethod
    def _fewer_than_all(cls, raw: int, info: ValidationInfo) -> int:
        replicas = info.data.get("replication", raw)
        if raw > replicas or raw == replicas > 1:
            raise ValueError(
                f"must be less than TOPIC_REPLICATION={replicas}: the loss of one broker would stop every write; "
                f"write {max(1, replicas - 1)}"
            )
        return raw

    @field_validator("ssl_cafile", "ssl_certfile")
    @classmethod
    def _used(cls, raw: str, info: ValidationInfo) -> str:
        protocol = info.data.get("security_protocol", "SSL")
        if raw and protocol not in ("SSL", "SASL_SSL"):
            raise ValueError(f"has no effect beside KAFKA_SECURITY_PROTOCOL={protocol}; write SSL or SASL_SSL there")
        return raw

    @field_validator("sasl_mechanism")
    @classmethod
    def _chosen(cls, raw: str, info: ValidationInfo) -> str:
        beside = f"beside KAFKA_SECURITY_PROTOCOL={info.data.get('security_protocol')}"
        if _logs_in(info) and not raw:
            raise ValueError(f"is missing {beside}; write {MECHANISMS}")
        if raw and "security_protocol" in info.data and not _logs_in(info):
            raise ValueError(f"has no effect {beside}; write SASL_SSL there")
        return raw

    @field_validator("sasl_username")
    @classmethod
    def _with_login(cls, raw: str, info: ValidationInfo) -> str:
        return sound(raw, _missing(raw, info, *_WITH_PASSWORD))

    @field_validator("sasl_password")
    @classmethod
    def _with_password(cls, raw: SecretStr, info: ValidationInfo) -> SecretStr:
        fault = _missing(raw.get_secret_value(), info, *_WITH_PASSWORD)
        if fault:
            raise ValueError(f"{fault}, or the file that holds it as KAFKA_SASL_PASSWORD_FILE")
        return raw

    @field_validator("oauth_token_url")
    @classmethod
    def _with_endpoint(cls, raw: str, info: ValidationInfo) -> str:
        return sound(raw, _missing(raw, info, "OAUTHBEARER") or (raw and token_endpoint_fault(raw)))

    @field_validator("oauth_client_id")
    @classmethod
    def _with_client(cls, raw: str, info: ValidationInfo) -> str:
        return sound(raw, _missing(raw, info, "OAUTHBEARER"))

    @field_validator("oauth_client_secret")
    @classmethod
    def _with_secret(cls, raw: SecretStr, info: ValidationInfo) -> SecretStr:
        if fault := _missing(raw.get_secret_value(), info, "OAUTHBEARER"):
            raise ValueError(f"{fault}, or the file that holds it as KAFKA_OAUTH_CLIENT_SECRET_FILE")
        return raw

    @field_validator("oauth_cafile")
    @classmethod
    def _token_authority(cls, raw: str) -> str:
        return sound(raw, raw and authority_fault(raw))


def _logs_in(info: ValidationInfo) -> bool:
    return str(info.data.get("security_protocol", "")).startswith("SASL_")


def _missing(raw: str, info: ValidationInfo, *mechanisms: str) -> str:
    """Return that a value is missing which one of these mechanisms needs; empty where none is."""
    mechanism = info.data.get("sasl_mechanism", "")
    return f"is missing beside KAFKA_SASL_MECHANISM={mechanism}; set it" if not raw and mechanism in mechanisms else ""
