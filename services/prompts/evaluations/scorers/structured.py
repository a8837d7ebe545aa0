"""Scorers of values: ``json_schema``, and ``numeric`` with a tolerance."""

import math
import re
from typing import Any, Literal

import jsonschema_rs

from schemas.prompts.evaluations import Answered, Case
from schemas.records.base import Json
from services.prompts.evaluations.scorers.base import CannotScore, Mark, Options, json_of, part_of

_NUMBER = re.compile(r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


class SchemaOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``schema`` is a JSON schema, which refers to nothing outside of itself."""

    schema: dict[str, Json]


class JsonSchema:
    """1 where the output, or its text read as JSON, fits a schema. The schema is compiled once."""

    def __init__(self, options: SchemaOptions) -> None:
        """Raises ``ValueError`` for what is no schema."""
        self._path = options.path
        try:
            self._validator = jsonschema_rs.validator_for(
                options.schema, retriever=_retrieve, pattern_options=jsonschema_rs.RegexOptions()
            )
        except (jsonschema_rs.ValidationError, ValueError) as exc:
            raise ValueError(
                f"this is no JSON schema: {str(exc).splitlines()[0]}; see https://json-schema.org"
            ) from exc

    async def __call__(self, case: Case, answer: Answered) -> Mark:
        found = part_of(answer.output, self._path)
        if isinstance(found, str) and not self._validator.is_valid(found):
            found = json_of(found)
        for error in self._validator.iter_errors(found):
            place = ".".join(map(str, error.instance_path))
            return Mark(score=0.0, note=f"{place}: {error.message}"[:200] if place else error.message[:200])
        return Mark(score=1.0)


class NumericOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The largest difference that counts as equal: ``absolute``, or ``relative`` to the expected number.

    ``find`` is which number of a text is meant; with ``whole`` the text has to be a number.
    """

    absolute: float = 0.0
    relative: float = 0.0
    find: Literal["whole", "first", "last"] = "whole"


class Numeric:
    """1 where the output is as near to the expected number as the tolerance says."""

    def __init__(self, options: NumericOptions) -> None:
        """Raises ``ValueError`` for a tolerance that is none."""
        if not (0 <= options.absolute < math.inf and 0 <= options.relative < math.inf):
            raise ValueError("a tolerance is negative or no number; write absolute: 0.01 or relative: 0.05")
        self._options = options

    async def __call__(self, case: Case, answer: Answered) -> Mark:
        wanted = _number(case.expected, "whole")
        if wanted is None:
            raise CannotScore("the case's expected value is not a number; give it one, or take this scorer out")
        found = _number(part_of(answer.output, self._options.path), self._options.find)
        if found is None:
            return Mark(score=0.0, note="the output has no number")
        tolerance = max(self._options.absolute, self._options.relative * abs(wanted))
        difference = abs(found - wanted)
        return Mark(score=float(difference <= tolerance), note=f"differs by {difference:.6g}" if difference else "")


def _number(value: Json, find: str) -> float | None:
    """Return a finite number of a value. Commas in digits separate thousands."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _finite(value)
    if not isinstance(value, str):
        return None
    found = _NUMBER.findall(value)
    if not found or (find == "whole" and found != [value.strip()]):
        return None
    return _finite(found[0 if find == "first" else -1].replace(",", ""))


def _finite(value: float | str) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _retrieve(uri: str) -> Any:
    """Never fetch what a schema refers to: its author chooses the address."""
    raise ValueError(f"{uri} is outside of the schema; write it under $defs")
