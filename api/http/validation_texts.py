"""The texts of invalid requests: what is wrong and how to fix it, by the type of the validation library's error.

A test drives every model of a request with wrong values, and checks that each error has its row here.
"""

from collections.abc import Mapping
from typing import Any

from schemas.errors import Problem

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
