"""Settings of triggers: the topics that they may read, and where the schemas of records are."""

from typing import Annotated

from pydantic import SecretStr, field_validator

from schemas.configuration.group import Group
from schemas.configuration.variables import Var
from schemas.triggers.allowed_topics import read_allowed


class Triggers(Group):
    """Topics of other systems that triggers may read, as ``acme:orders,*:news.*``."""

    topics: Annotated[str, Var("TRIGGER_TOPICS")] = ""

    @field_validator("topics")
    @classmethod
    def _topics(cls, raw: str) -> str:
        read_allowed(raw)
        return raw


class SchemaRegistry(Group):
    """Where schemas of records in Avro and Protobuf are. Files are PEM."""

    url: Annotated[str, Var("SCHEMA_REGISTRY_URL")] = ""
    username: Annotated[str, Var("SCHEMA_REGISTRY_USERNAME")] = ""
    password: Annotated[SecretStr, Var("SCHEMA_REGISTRY_PASSWORD")] = SecretStr("")
    ca_file: Annotated[str, Var("SCHEMA_REGISTRY_CAFILE")] = ""
    certificate_file: Annotated[str, Var("SCHEMA_REGISTRY_CERTFILE")] = ""
    key_file: Annotated[str, Var("SCHEMA_REGISTRY_KEYFILE")] = ""

    @field_validator("url")
    @classmethod
    def _http(cls, raw: str) -> str:
        if raw and not raw.startswith(("http://", "https://")):
            raise ValueError("is no address; write http://HOST:PORT or https://HOST")
        return raw
