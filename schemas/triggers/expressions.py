"""Expressions of triggers: CEL over what arrived. A filter gives true or false, the others give JSON values.

The language is CEL with the macros ``has``, ``exists``, ``all``, ``filter`` and ``map``; the library bounds their steps
to 10,000 in one evaluation, and its ``matches`` is RE2, whose time is linear. Expressions have no clock and no
randomness, so the same record gives the same submission.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson
from cel_expr_python import cel

from schemas.errors import BadRecord, BadValue, Problem
from schemas.records.base import Json
from schemas.triggers.arrived import NUMBERS, TEXT_MAPS, VARIABLES, TriggerKind
from schemas.values.json_text import write_json

#: Long enough for a mapping that a person should have to read; what is longer belongs into a step of the workflow.
MAX_CHARS = 1_000
_CONFIG = """
stdlib:
  include_macros: [has, exists, all, filter, map]
"""
_PLACE = re.compile(r"<input>:(-?\d+):(-?\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_STATUS = re.compile(r"^[A-Z_]+: ")
_SAID_CHARS = 300
#: What the library raises for values that it cannot read or for too many steps; other errors it returns as values.
_RAISED = (RuntimeError, ValueError, TypeError, UnicodeError, OverflowError)


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression. ``name`` says in errors which one of a trigger it is."""

    name: str
    text: str
    _program: cel.Expression = field(compare=False, repr=False)

    def value(self, read: cel.Activation) -> Json:
        """Return its value as JSON. Raises ``BadRecord`` when it cannot be evaluated or is no JSON."""
        try:
            result = self._program.eval(read)
            failed = str(result.value()) if result.type() == cel.Type.ERROR else None
            value = None if failed is not None else result.plain_value()
        except _RAISED as exc:
            raise self._undecided(str(exc) or type(exc).__name__) from exc
        if failed is not None:
            raise self._undecided(failed)
        try:
            return orjson.loads(write_json(value))
        except BadValue as exc:
            raise self._undecided(f"its value cannot be an input: {exc}") from exc

    def holds(self, read: cel.Activation) -> bool:
        """Return whether it is true. Raises ``BadRecord`` for what is neither true nor false."""
        value = self.value(read)
        if not isinstance(value, bool):
            raise self._undecided("it gives no true or false; compare its value with something")
        return value

    def _undecided(self, said: str) -> BadRecord:
        return BadRecord("expression", f"{self.name}: {_STATUS.sub('', said)[:_SAID_CHARS]}")


def compile_expression(name: str, text: str, kind: TriggerKind, *, decides: bool = False) -> Expression | Problem:
    """Compile an expression of a trigger; ``decides``: it must give true or false. A problem's path is ``name``."""
    if len(text) > MAX_CHARS:
        fix = "pass the payload on, and let a function of the workflow do it"
        return Problem(name, f"it has {len(text)} characters, the most is {MAX_CHARS}", fix)
    try:
        program = _environment(kind).compile(text)
    except _RAISED as exc:
        return _problem(name, str(exc), kind)
    found = program.return_type()
    if decides and found not in (cel.Type.BOOL, cel.Type.DYN):
        return Problem(name, f"it gives a value of type {found.name()}, no true or false", "compare it with something")
    return Expression(name, text, program)


def activation(kind: TriggerKind, variables: Mapping[str, Any]) -> cel.Activation:
    """Return what arrived as expressions read it. Raises ``BadRecord`` for values that CEL cannot read."""
    try:
        return _environment(kind).Activation(dict(variables))
    except _RAISED as exc:
        raise BadRecord("expression", f"CEL cannot read the payload: {str(exc)[:_SAID_CHARS]}") from exc


@cache
def _environment(kind: TriggerKind) -> cel.Env:
    types = {name: _type(name) for name in VARIABLES[kind]}
    return cel.NewEnv(config=cel.NewEnvConfigFromYaml(_CONFIG), variables=types)


def _type(name: str) -> cel.Type:
    if name in NUMBERS:
        return cel.Type.INT
    if name in TEXT_MAPS:
        return cel.Type.Map(cel.Type.STRING, cel.Type.STRING)
    return cel.Type.DYN if name == "payload" else cel.Type.STRING


def _problem(name: str, said: str, kind: TriggerKind) -> Problem:
    """Return the compiler's error in the terms of a trigger's author."""
    if unknown := _UNDECLARED.findall(said):
        return Problem(name, f"it names '{unknown[0]}', which is unknown", f"known are {', '.join(VARIABLES[kind])}")
    if "{{" in said:
        return Problem(name, "it has braces, and is no template", "name a field as payload.x")
    place = _PLACE.search(said)
    where = f" at character {place[2]}" if place and int(place[2]) > 0 else ""
    what = place[3] if place else (_STATUS.sub("", said.splitlines()[0]) if said else "it cannot be read")
    return Problem(name, f"it is not a CEL expression{where}: {what}"[:500], "write it like payload.kind == 'order'")
