"""The base of every group of settings, and the kinds of values that they share."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError, PydanticKnownError

from schemas.values.text import ascii_decimal, ascii_integer


def _flag(raw: object) -> object:
    # Pydantic alone would take "1", "yes" and "on" as well.
    if isinstance(raw, str):
        if raw.lower() not in ("true", "false"):
            raise PydanticCustomError("flag", "is neither true nor false; write one of the two")
        return raw.lower() == "true"
    return raw


Port = Annotated[int, Field(ge=0, le=65_535)]
Count = Annotated[int, Field(ge=1)]
Flag = Annotated[bool, BeforeValidator(_flag)]


class Group(BaseModel):
    """Settings that belong together."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _ascii_digits(cls, raw: object, info: ValidationInfo) -> object:
        """Refuse what Pydantic alone would read as a number: ``1_0``, `` 12`` and digits of other scripts."""
        kind = cls.model_fields[info.field_name or ""].annotation
        try:
            return ascii_integer(raw) if kind is int else ascii_decimal(raw) if kind is float else raw
        except ValueError:
            raise PydanticKnownError("int_parsing" if kind is int else "float_parsing") from None
