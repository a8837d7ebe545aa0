"""Conditions of policies: CEL over labels and values. Each error is one of the caller's, who denies.

The language is CEL with the macros ``has``, ``exists``, ``all`` and ``filter``; the library bounds their steps to
10,000 in one evaluation, and its ``matches`` is RE2, whose time is linear. Conditions have no clock and no randomness.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from cel_expr_python import cel

from schemas.errors import Problem
from schemas.labels.label import Integrity
from schemas.policies.document import At
from schemas.records.base import Json

#: Long enough for any rule that a person should have to read.
MAX_CHARS = 1_000
_CONFIG = """
stdlib:
  include_macros: [has, exists, all, filter]
"""
_LABEL = ("integrity", "classes", "readers", "limited", "origins")
#: Variables of every point and their fields; an empty tuple is a value without known fields.
_EVERYWHERE: dict[str, tuple[str, ...]] = {
    "control": _LABEL,
    "node": ("id", "kind"),
    "workflow": ("name", "version"),
    "run": ("id",),
    "key": ("id", "project", "permissions", "roles"),
    "org": (),
    "tags": (),
    "values": (),
}
VARIABLES: dict[At, dict[str, tuple[str, ...]]] = {
    "tool_call": _EVERYWHERE
    | {"tool": ("name", "effects", "declared", "pure", "endorses"), "args": (), "sinks": (), "context": _LABEL}
    | {"recipients": ()},
    "model_call": _EVERYWHERE
    | {"model": ("provider", "model", "region", "regions", "retention", "training", "certifications")}
    | {"args": (), "context": _LABEL},
    "output": _EVERYWHERE | {"output": (*_LABEL, "value")},
    "read": _EVERYWHERE
    | {"output": (*_LABEL, "kind"), "reader": ("id", "kind", "project", "permissions", "roles", "groups")},
    "admin": {
        "act": ("operation", "method", "path", "subject", "body"),
        "key": ("id", "kind", "project", "permissions", "roles"),
        "org": (),
        "values": (),
    },
}
#: The constants of integrity, for every condition.
CONSTANTS = {one.name: int(one) for one in Integrity}

_TEXTS = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""")
_FIELD = re.compile(r"(?<![\w.])([a-z]+)\s*\.\s*([A-Za-z_]\w*)(?!\s*\()")
_WORD = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_PLACE = re.compile(r"<input>:(-?\d+):(-?\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_STATUS = re.compile(r"^[A-Z_]+: ")
_REASON_CHARS = 300


class Undecided(Exception):
    """A condition that is neither true nor false. The message is the reason."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled condition. ``names`` are the words outside of texts: the variables that it may read are among them."""

    text: str
    names: frozenset[str]
    _program: cel.Expression = field(compare=False, repr=False)

    def holds(self, activation: cel.Activation) -> bool:
        """Return whether it is true of the facts. Raises ``Undecided``."""
        try:
            result = self._program.eval(activation)
            kind = result.type()
            if kind == cel.Type.BOOL:
                return bool(result.value())
            said = str(result.value()) if kind == cel.Type.ERROR else f"a value of type {kind.name()}, no true or false"
        except (RuntimeError, ValueError, TypeError, UnicodeError, OverflowError) as exc:
            # The library says some errors as values, and raises others: too many steps, values that it cannot take.
            said = str(exc) or type(exc).__name__
        raise Undecided(_STATUS.sub("", said)[:_REASON_CHARS])


def compile_expression(text: str, at: At) -> Expression | Problem:
    """Compile a condition for a point; a problem has an empty path."""
    if len(text) > MAX_CHARS:
        return Problem("", f"it has {len(text)} characters, the most is {MAX_CHARS}", "make several rules of it")
    bare = _TEXTS.sub("''", text)
    if fault := _unknown_field(bare, at):
        return fault
    try:
        program = environment(at).compile(text)
    except RuntimeError as exc:
        return _problem(str(exc), at)
    kind = program.return_type()
    if kind not in (cel.Type.BOOL, cel.Type.DYN):
        return Problem("", f"it gives a value of type {kind.name()}, no true or false", "compare it with something")
    return Expression(text, frozenset(_WORD.findall(bare)), program)


def any_of(expressions: list[Expression], at: At) -> Expression | None:
    """Return one condition that is false only where each of several is false without an error; ``None``: too large.

    ``||`` of CEL is an error when one side is an error and none is true, so false can be relied on.
    """
    text = " || ".join(f"({one.text})" for one in expressions)
    try:
        program = environment(at).compile(text)
    except RuntimeError:
        return None
    return Expression(text, frozenset().union(*(one.names for one in expressions)), program)


def activation(at: At, facts: Mapping[str, Json]) -> cel.Activation:
    """Return facts as the conditions of a point read them. Raises ``Undecided``."""
    try:
        return environment(at).Activation(CONSTANTS | dict(facts))
    except (RuntimeError, ValueError, TypeError, UnicodeError, OverflowError) as exc:
        raise Undecided(f"facts cannot be read: {str(exc)[:_REASON_CHARS]}") from exc


@cache
def environment(at: At) -> cel.Env:
    """Return the environment of a point's conditions."""
    config = cel.NewEnvConfigFromYaml(_CONFIG)
    variables = dict.fromkeys(VARIABLES[at], cel.Type.DYN) | dict.fromkeys(CONSTANTS, cel.Type.INT)
    return cel.NewEnv(config=config, variables=variables)


def _unknown_field(bare: str, at: At) -> Problem | None:
    """Return the first field that a variable does not have: when it is evaluated it would be an error, so a deny."""
    for name, found in _FIELD.findall(bare):
        known = VARIABLES[at].get(name)
        if known and found not in known:
            return Problem("", f"`{name}.{found}` is unknown", f"fields of {name} are {', '.join(known)}")
    return None


def _problem(said: str, at: At) -> Problem:
    """Return the compiler's error in the terms of a policy's author."""
    unknown = _UNDECLARED.findall(said)
    if "map" in unknown or "exists_one" in unknown:
        return Problem("", "the macros `map` and `exists_one` are not available", "write it with exists, all or filter")
    if unknown:
        names = ", ".join((*VARIABLES[at], *CONSTANTS))
        return Problem("", f"it names '{unknown[0]}', which is unknown at {at}", f"known are {names}")
    place = _PLACE.search(said)
    where = f" at character {place[2]}" if place and int(place[2]) > 0 else ""
    what = place[3] if place else _STATUS.sub("", said.splitlines()[0])
    return Problem("", f"it is not a CEL expression{where}: {what}"[:500], "write it like args.to.integrity > USER")
