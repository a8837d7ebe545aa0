"""Conditions of a workflow: CEL over the run's inputs and ancestors' outputs, compiled once and evaluated by the fold.

``classify.output.type == 'text' && inputs.max_pages < 10``. The language is the Common Expression Language without its
slow parts: macros over lists (only ``has`` remains), regular expressions, and texts of over ``MAX_CHARS``. So an
evaluation costs some microseconds plus the reading of its values. It has no clock and no randomness.

A condition never raises when it is evaluated. One that cannot be decided (a missing key, a comparison of a text with a
number) is false, and the answer's ``note`` explains why.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cache

import orjson
from cel_expr_python import cel

from schemas.records.base import Json
from schemas.spec.references import LOOP
from schemas.values.json_text import has_nul

#: Long enough for any rule that a person should have to read; the work of an evaluation grows with it.
MAX_CHARS = 500
INPUTS = "inputs"
_OUTPUT = ".output"
_CONFIG = """
stdlib:
  include_macros:
    - has
  exclude_functions:
    - name: matches
"""
_REMOVED = {
    **dict.fromkeys(("all", "exists", "exists_one", "map", "filter"), "conditions cannot iterate over lists"),
    "matches": "conditions have no regular expressions",
}
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[a-z]+)?")
#: ``inputs`` where it is not followed by one key.
_ALL_INPUTS = re.compile(r"\binputs\b(?!\s*\.\s*[A-Za-z_])")
_INPUT = re.compile(r"\binputs\s*\.\s*([A-Za-z_][A-Za-z0-9_]*)")
#: ``loop`` before a dot, outside of string literals, which match as a whole. A node's id cannot be as long as its name.
_LOOP = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|(?<![\w.])loop(?=\s*\.)""")
_INTERNAL = f"loop_{'_' * 64}"
_PLACE = re.compile(r"<input>:(-?\d+):(-?\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_STATUS = re.compile(r"^[A-Z_]+: ")
_NOTE_CHARS = 300
_UNDECIDED = "it cannot be decided, so it is false"


class BadCondition(ValueError):
    """A text that is not a valid condition; ``fix`` tells how to fix it, ``unknown`` is the unknown name, if any."""

    def __init__(self, message: str, fix: str, unknown: str = "") -> None:
        super().__init__(message)
        self.fix = fix
        self.unknown = unknown


@dataclass(frozen=True, slots=True)
class Answer:
    """The value of a condition, with a note if it could not be decided."""

    holds: bool
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition. ``nodes`` are those whose outputs it may read; with a dot it is another value of a loop.

    ``inputs`` are the keys of the run's inputs that it may read, ``None`` if it may read all.
    """

    text: str
    nodes: tuple[str, ...]
    inputs: frozenset[str] | None
    _program: cel.Expression = field(compare=False, repr=False)

    def evaluate(self, inputs: Mapping[str, Json], outputs: Mapping[str, Json]) -> Answer:
        """Evaluate it; ``outputs`` has the value of each of ``nodes``, ``None`` for a node without output."""
        values = {_variable(node): outputs[node] for node in self.nodes}
        if fault := unreadable([inputs, values]):
            return Answer(False, f"{_UNDECIDED}: {fault}"[:_NOTE_CHARS])
        result = self._program.eval(data=values | {INPUTS: inputs})
        kind = result.type()
        if kind == cel.Type.BOOL:
            return Answer(bool(result.value()))
        if kind == cel.Type.ERROR:
            why = _STATUS.sub("", str(result.value())).replace(_INTERNAL, LOOP)
        else:
            why = f"it gives a value of type {kind.name()}, not true or false"
        return Answer(False, f"{_UNDECIDED}: {why}"[:_NOTE_CHARS])


def compile_condition(text: str, ancestors: Collection[str]) -> Condition:
    """Compile a condition of a node with these ancestors; a name with a dot is a value of a loop.

    Raises ``BadCondition``.
    """
    words = set(_WORD.findall(text))
    nodes = tuple(sorted(node for node in ancestors if words.issuperset(node.split(".")) and node != INPUTS))
    program = compile_in(_environment(nodes), text, lambda: _known_names(ancestors))
    kind = program.return_type()
    if kind not in (cel.Type.BOOL, cel.Type.DYN):
        raise BadCondition(f"it gives a value of type {kind.name()}, not true or false", "compare it with something")
    return Condition(text, nodes, inputs_read(text), program)


def compile_in(environment: cel.Env, text: str, known: Callable[[], str]) -> cel.Expression:
    """Compile an expression. ``known`` returns the names that it may use, as text. Raises ``BadCondition``."""
    if len(text) > MAX_CHARS:
        fix = "let a function decide, and compare its output here"
        raise BadCondition(f"it has {len(text)} characters, the maximum is {MAX_CHARS}", fix)
    try:
        return environment.compile(_LOOP.sub(_internal, text))
    except RuntimeError as exc:
        raise _bad(text, str(exc).replace(_INTERNAL, LOOP), known) from exc


def inputs_read(text: str) -> frozenset[str] | None:
    """Return the keys of the run's inputs that a condition may read, ``None`` if it may read all."""
    return None if _ALL_INPUTS.search(text) else frozenset(_INPUT.findall(text))


def unreadable(values: Json) -> str:
    """Return why CEL would read values as others: it ends texts and keys at U+0000, which doors did take once."""
    try:
        return "a text has the character U+0000" if has_nul(orjson.dumps(values)) else ""
    except TypeError as exc:
        return f"a value is not JSON: {exc}"


def _internal(match: re.Match[str]) -> str:
    return _INTERNAL if match[0] == LOOP else match[0]


def _variable(node: str) -> str:
    """Return the name of a node's output in CEL. ``loop`` is a reserved word there."""
    if node.startswith(f"{LOOP}."):
        return f"{_INTERNAL}{node.removeprefix(LOOP)}"
    return node if "." in node else f"{node}{_OUTPUT}"


@cache
def config_of_conditions() -> cel.EnvConfig:
    """Return the language of conditions: CEL without its slow parts."""
    return cel.NewEnvConfigFromYaml(_CONFIG)


def _environment(nodes: tuple[str, ...]) -> cel.Env:
    known = {_variable(node): cel.Type.DYN for node in nodes}
    return cel.NewEnv(
        config=config_of_conditions(), variables=known | {INPUTS: cel.Type.Map(cel.Type.STRING, cel.Type.DYN)}
    )


def _bad(text: str, said: str, known: Callable[[], str]) -> BadCondition:
    """Return the compiler's error in the terms of a workflow's author."""
    unknown = _UNDECLARED.findall(said)
    removed = next((name for name in unknown if name in _REMOVED), None)
    if removed is not None:
        fix = "let a function decide, and compare its output here"
        return BadCondition(f"`{removed}` is not available here: {_REMOVED[removed]}", fix)
    if unknown:
        return BadCondition(f"it names '{unknown[0]}', which is unknown", f"known are {known()}", unknown[0])
    if "{{" in text:
        return BadCondition("it has braces, and is no template", "name an input as inputs.x, an output as a.output.x")
    place = _PLACE.search(said)
    where = f" at character {place[2]}" if place and int(place[2]) > 0 else ""
    what = place[3] if place else _STATUS.sub("", said.splitlines()[0])
    return BadCondition(f"it is not a CEL expression{where}: {what}"[:500], "write it like a.output.kind == 'text'")


def _known_names(ancestors: Collection[str]) -> str:
    shown = (_variable(node).replace(_INTERNAL, LOOP) for node in sorted(ancestors) if _NAME.fullmatch(node))
    dash = "; a node whose id has a '-' cannot be named, since that is a minus here" if _dashed(ancestors) else ""
    return f"{', '.join([INPUTS, *shown][:20])}{dash}"


def _dashed(ancestors: Collection[str]) -> bool:
    return any("-" in node for node in ancestors)
