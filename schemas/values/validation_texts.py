"""The texts of invalid bodies: what is wrong and how to fix it, by the type of the validation library's error.

Every door words them so: requests, CloudEvents of any binding, and what triggers map. No text has a value that was
sent. A test drives every model of a request with wrong values, and checks that each error has its row here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from schemas.errors import InvalidInput, Problem
from schemas.spec.check.shape import path_of

#: By error type: what is wrong, and how to fix it. Both may name values of the error's context.
TEXTS: Mapping[str, tuple[str, str]] = {
    "missing": ("is missing", "add it"),
    "extra_forbidden": ("is unknown", "remove it, or correct its spelling"),
    "json_invalid": ("is not JSON", "send well-formed JSON"),
    "dict_type": ("is not a JSON object", "send a JSON object"),
    "model_type": ("is not a JSON object", "send a JSON object"),
    "model_attributes_type": (
        "is not a JSON object",
        "send a JSON object, with the header Content-Type: application/json",
    ),
    "list_type": ("is not a list", "send a JSON list"),
    "string_type": ("is not text", "write it in quotes"),
    "string_too_long": ("has more than {max_length} characters", "shorten it"),
    "string_too_short": ("has fewer than {min_length} characters", "give a longer text"),
    "string_pattern_mismatch": ("does not match {pattern}", "write a text that matches it"),
    "string_unicode": ("is not text in UTF-8", "send UTF-8"),
    "int_type": ("is not a whole number", "write a whole number without quotes"),
    "int_parsing": ("is not a whole number", "write a whole number"),
    "int_parsing_size": ("is a number of too many digits", "write a smaller number"),
    "int_from_float": ("is not a whole number", "write a whole number"),
    "float_type": ("is not a number", "write a number"),
    "float_parsing": ("is not a number", "write a number"),
    "bool_type": ("is neither true nor false", "write true or false without quotes"),
    "bool_parsing": ("is neither true nor false", "write true or false"),
    "decimal_type": ("is not an amount", "write a number, or a decimal number in quotes"),
    "decimal_parsing": ("is not an amount", "write a number, or a decimal number in quotes"),
    "decimal_max_digits": ("has more than {max_digits} digits", "write fewer digits"),
    "finite_number": ("is not a finite number", "write a finite number"),
    "greater_than": ("is not more than {gt}", "write a number over {gt}"),
    "greater_than_equal": ("is less than {ge}", "write {ge} or more"),
    "less_than": ("is not less than {lt}", "write a number under {lt}"),
    "less_than_equal": ("is more than {le}", "write {le} or less"),
    "too_long": ("has more than {max_length} entries", "send fewer"),
    "too_short": ("has fewer than {min_length} entries", "send at least {min_length}"),
    "literal_error": ("is none of the known values", "write {expected}"),
    "datetime_type": ("is not a time", "write 2026-11-22T17:00:00Z"),
    "datetime_parsing": ("is not a time", "write 2026-11-22T17:00:00Z"),
    "datetime_from_date_parsing": ("is not a time", "write 2026-11-22T17:00:00Z"),
    "datetime_object_invalid": ("is not a time", "write 2026-11-22T17:00:00Z"),
    "timezone_aware": ("is a time without a zone", "write 2026-11-22T17:00:00Z"),
}
#: Texts of our own validators are sentences already; the part after their semicolon or colon says what to do.
_OWN = "value_error"
_UNKNOWN_FIX = "see the schema of this request at /docs"
#: So many problems of one body are named; each more would be a longer header of its dead letter.
_MOST = 5


def problem_of(path: str, error: Mapping[str, Any]) -> Problem:
    """Return one of pydantic's errors as a problem at ``path``."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == _OWN:
        message = error["msg"].removeprefix("Value error, ")
        said, found, fix = message.partition("; ")
        return Problem(path, said, fix) if found else Problem(path, message, _UNKNOWN_FIX)
    if kind not in TEXTS:
        return Problem(path, "is not valid", _UNKNOWN_FIX)
    message, fix = TEXTS[kind]
    return Problem(path, message.format(**context), fix.format(**context))


def problems_of(errors: Sequence[Any], *, drop_body: bool = False) -> list[Problem]:
    """Return pydantic's errors as problems with paths like ``inputs.items[2].name``."""
    return [problem_of(path_of(_where(error, drop_body=drop_body)), error) for error in errors]


def invalid_body(exc: ValidationError, *, within: str = "") -> InvalidInput:
    """Return the error of a body that its model refuses; ``within`` is where the body is in what was sent."""
    errors = exc.errors(include_url=False, include_input=False)[:_MOST]
    found = (problem_of(path_of((within, *error["loc"]) if within else error["loc"]), error) for error in errors)
    return InvalidInput.of(*found)


def _where(error: Mapping[str, Any], *, drop_body: bool) -> Sequence[str | int]:
    where = list(error["loc"])
    return where[1:] if drop_body and where[:1] == ["body"] else where
