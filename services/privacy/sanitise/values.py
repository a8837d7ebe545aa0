"""Texts of JSON values, as models may get them."""

from collections.abc import Mapping
from typing import Final

from schemas.records.base import Json
from services.privacy.sanitise.errors import TooDeep
from services.privacy.sanitise.invisible import visible

MAX_DEPTH: Final = 64


def visible_value(value: Json, *, joiners: bool = False, most: int = MAX_DEPTH) -> Json:
    """Return a value whose texts and keys have no invisible characters. Raises ``TooDeep`` beyond ``most`` levels."""
    if isinstance(value, str):
        return visible(value, joiners=joiners)
    if not isinstance(value, Mapping | list | tuple):
        return value
    if most <= 0:
        raise TooDeep("values", MAX_DEPTH)
    if isinstance(value, Mapping):
        return {
            visible(str(key), joiners=joiners): visible_value(one, joiners=joiners, most=most - 1)
            for key, one in value.items()
        }
    return [visible_value(one, joiners=joiners, most=most - 1) for one in value]
