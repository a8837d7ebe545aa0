"""JSON schemas that decorators declare of a tool: of its arguments and of its result, beside its type hints.

::

    @tool("bank.refund", args_schema={"properties": {"amount": {"maximum": 100}}}, result_schema={"required": ["id"]})
    async def refund(*, order: str, amount: int) -> dict[str, Any]: ...

Arguments are checked as they were bound, before the call; a model that requested it gets the message and may correct
the call. The result is checked after it.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from connectors.tools.security import SecurityOptions
from schemas.errors import StepError
from schemas.values.json_schemas import BadSchema
from schemas.values.strict_schemas import check_strict, misfits

Schema = dict[str, Any]
_PLAIN = (str, int, float, bool, dict, list, type(None))


class DeclaredOptions(SecurityOptions, total=False):
    """The options of a decorator that describe a tool: what policies know of it, and schemas of its values."""

    args_schema: Schema
    result_schema: Schema


class ValueSchemas(NamedTuple):
    """The schemas of a tool's values."""

    args: Schema | None = None
    result: Schema | None = None


NO_SCHEMAS = ValueSchemas()


def taken_apart(what: str, options: DeclaredOptions) -> tuple[SecurityOptions, ValueSchemas]:
    """Return what policies know, and the schemas. Raises ``TypeError`` for a schema by which nothing can be checked."""
    rest: Any = {name: value for name, value in options.items() if name not in ("args_schema", "result_schema")}
    if len(rest) == len(options):
        return rest, NO_SCHEMAS
    for name in ("args_schema", "result_schema"):
        schema = options.get(name)
        if schema is None:
            continue
        if not isinstance(schema, dict):
            raise TypeError(f"{what}: {name} is no JSON schema; write a dict")
        try:
            check_strict(schema)
        except BadSchema as exc:
            raise TypeError(f"{what}: {name} is no JSON schema: {exc}") from exc
    return rest, ValueSchemas(options.get("args_schema"), options.get("result_schema"))


def check_by_schema(what: str, schema: Schema, args: dict[str, Any], takes: Iterable[str] | None) -> None:
    """Raise a final ``StepError`` ``bad_arguments`` for arguments that break a schema. ``takes``: those of the call."""
    names = args.keys() if takes is None else takes
    given = {name: args[name] for name in names if name in args}
    if found := misfits(schema, given):
        said = "; ".join(f"argument {at[2:] or 'names'!r}: {why}" for at, why in found)
        raise StepError("bad_arguments", f"{what}: {said}")


def check_result(what: str, schema: Schema, value: Any) -> None:
    """Raise a final ``StepError`` ``bad_output`` for a result that breaks a schema."""
    try:
        plain = value if isinstance(value, _PLAIN) else orjson.loads(orjson.dumps(value))
    except (TypeError, ValueError) as exc:
        raise StepError("bad_output", f"{what} gave what is no JSON value, so it cannot be checked: {exc}") from exc
    if found := misfits(schema, plain):
        said = "; ".join(f"{at}: {why}" for at, why in found)
        raise StepError("bad_output", f"the result of {what} breaks its `result_schema`: {said}")
