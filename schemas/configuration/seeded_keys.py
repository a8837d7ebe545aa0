"""Keys of the API that the configuration makes: ``auth.api_keys`` of a file, or ``API_KEYS`` as a JSON list."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError

from schemas.api_models.access import OrganisationId, Permissions

#: Shorter ones could be guessed.
MIN_LENGTH = 16


class SeededKey(BaseModel):
    """A key that lives as long as the configuration names it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    key: SecretStr = Field(min_length=MIN_LENGTH)
    org_id: OrganisationId
    permissions: Permissions = ["read", "write"]
    name: str = Field(default="configuration", min_length=1, max_length=200)


_LIST = TypeAdapter(list[SeededKey])


def read_seeded(text: str) -> list[SeededKey]:
    """Read a JSON list of keys. Raises ``ValueError`` that names the entry and the fix, and never a key."""
    if not text:
        return []
    try:
        keys = _LIST.validate_json(text)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        where, names = ".".join(map(str, first["loc"])) or "the list", ", ".join(SeededKey.model_fields)
        raise ValueError(f"{where}: {first['msg']}; write a list of entries with {names}") from None
    if len({key.key.get_secret_value() for key in keys}) < len(keys):
        raise ValueError("a key is there twice; each entry has a key of its own")
    return keys
