"""Keys of model providers that an organisation brings along."""

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, SecretStr

from schemas.api_models.base import Answer, Request

_MOST = 4_096


def _header_value(key: SecretStr) -> SecretStr:
    text = key.get_secret_value()
    if not 8 <= len(text) <= _MOST:
        raise ValueError(f"has {len(text)} characters; send the provider's key alone, of 8 to {_MOST} characters")
    if not all("!" <= one <= "~" for one in text):
        raise ValueError("has other characters than visible ASCII; send the key without spaces and line ends")
    return key


class PutCredentials(Request):
    """The key that the organisation's calls of the provider are made with."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"examples": [{"api_key": "sk-0123456789abcdef"}]}
    )

    api_key: Annotated[SecretStr, AfterValidator(_header_value)] = Field(description="Is stored sealed, never shown.")


class CredentialsAnswer(Answer):
    """A stored key, as far as it is shown. ``fingerprint`` are the first 16 digits of the key's SHA-256."""

    provider: str
    fingerprint: str
    created_at: str | None
    rotated_at: str | None
    last_used_at: str | None


class CredentialsPage(Answer):
    """All keys of providers that the organisation has stored."""

    credentials: list[CredentialsAnswer]
