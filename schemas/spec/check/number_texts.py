"""Numbers that a document writes as texts must be ASCII decimals: pydantic reads ``1_0`` as 10, and spaces."""

from collections.abc import Iterator
from decimal import Decimal

from pydantic import BaseModel

from schemas.errors import Problem
from schemas.records.base import Json
from schemas.spec.caching import WRITTEN_AS, with_cache_policy
from schemas.values.text import ascii_decimal


def number_text_problems(model: BaseModel, raw: Json, path: str = "") -> Iterator[Problem]:
    """Yield the fields of ``model``, which was read from ``raw``, whose numbers are other texts."""
    if not isinstance(raw, dict):
        return
    raw = with_cache_policy(raw)
    for name in model.model_fields_set:
        alias = type(model).model_fields[name].alias or name
        shown = WRITTEN_AS.get(alias, alias)
        where = f"{path}.{shown}" if path else shown
        yield from _problems(getattr(model, name), raw.get(alias, raw.get(name)), where)


def _problems(value: object, raw: Json, path: str) -> Iterator[Problem]:
    if isinstance(value, BaseModel):
        yield from number_text_problems(value, raw, path)
    elif isinstance(value, list) and isinstance(raw, list):
        for index, (child, written) in enumerate(zip(value, raw, strict=False)):
            yield from _problems(child, written, f"{path}[{index}]")
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        try:
            ascii_decimal(raw)
        except ValueError as exc:
            yield Problem(path, str(exc), f"write {value}")
