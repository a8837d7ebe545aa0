"""Texts that look like a reference or a template and are none. They would be handed on as text, silently.

A text looks like one, and is none, when

1. it has ``{{…}}`` without the name of a variable in it: ``{{my var}}``, ``{{größe}}``, ``{{x | upper}}``;
2. the braces name a node's output or ``inputs``, which they cannot reach: ``{{a.output}}``, ``{{inputs.x}}``;
3. it has ``${…}`` that names a node's output or ``inputs``: ``${a.output}``;
4. as a whole it is a node's output in other words (``a.outputs``, ``$a.output``, ``a.output[0``), an expression that
   begins with one (``a.output.n + 1``), or ``inputs.x``.

Prose that mentions an output (``see a.output of it``) is a text like any other. ``{literal: "..."}`` is the text itself
(``schemas.spec.inputs.bound``).
"""

import difflib
import json
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from schemas.spec.references import parse_placeholder, parse_reference

INPUTS = "inputs"
_OUTPUT = "output"
_SHOWN = 60
_WORD = r"[A-Za-z_][A-Za-z0-9_-]*"
_BRACES = re.compile(r"\{\{([^{}]*)\}\}")
_DOLLAR = re.compile(rf"\$\{{\s*({_WORD})\s*([.\[][^{{}}]*)\}}")
#: An output in other words: after signs of other languages, a node, a word, and what follows.
_WHOLE = re.compile(
    rf"[$@=#<({{'\"`.]{{0,4}}(?:(?:steps|nodes|tasks|node|step|task)\.)?({_WORD})(?:\.|\[['\"])({_WORD})(?:['\"]\])?(.*)",
    re.DOTALL,
)
_WHOLE_INPUT = re.compile(rf"[$@=#<({{'\"`.]{{0,4}}{INPUTS}(?:\.|\[['\"])({_WORD})[^\s]*")
_PART = re.compile(r"\.([^\s.\[\](){}'\"|,;]+)|\[\s*['\"]?([A-Za-z0-9_][^\s\[\]'\"]*)['\"]?\s*\]?")
#: After an output, these begin an expression; after any other word it is prose.
_OPERATOR = re.compile(r"\s*(?:[+*/%|=<>?]|&&|!=|-\s*[0-9])")
_LIKE_OUTPUT = 0.8


@dataclass(frozen=True, slots=True)
class Lookalike:
    """A text that looks like a reference or a template: the part that does, the reason, and the nearest right form."""

    part: str
    why: str
    nearest: str

    @property
    def message(self) -> str:
        """A sentence on the fault."""
        return f"{_shown(self.part)} {self.why}"


def lookalikes(text: str, nodes: Collection[str]) -> Iterator[Lookalike]:
    """Yield what looks like a reference or a template in a bound text of a workflow with these nodes, and is none."""
    yield from bad_braces(text)
    yield from _unreachable(text, nodes)
    for match in _DOLLAR.finditer(text):
        if match[1] in nodes or match[1] == INPUTS:
            yield Lookalike(match[0], "is a form of other languages", _nearest(match[1], match[2], nodes))
    if "{{" not in text and parse_reference(text) is None:
        yield from _whole(text, nodes)


def bad_braces(text: str) -> Iterator[Lookalike]:
    """Yield the ``{{…}}`` of a text that are no placeholders. Prompts can say more: see ``schemas.templates``."""
    for match in _BRACES.finditer(text):
        if parse_placeholder(match[0]) is None:
            why = "names no variable: a name has ASCII letters, digits, '_' and '-', and parts after dots"
            yield Lookalike(match[0], why, _variable(match[1]))


def literal(text: str) -> str:
    """Return how a text is written that shall be handed on as it is."""
    return f"{{literal: {json.dumps(text, ensure_ascii=False)}}}" if len(text) <= _SHOWN else '{literal: "..."}'


def _unreachable(text: str, nodes: Collection[str]) -> Iterator[Lookalike]:
    for match in _BRACES.finditer(text):
        variable = parse_placeholder(match[0])
        if variable is None or not variable.path:
            continue
        if variable.name == INPUTS:
            nearest = f"{{{{{'.'.join(map(str, variable.path))}}}}}"
            yield Lookalike(match[0], "names an input called 'inputs': braces name the run's inputs directly", nearest)
        elif variable.name in nodes and _is_output(re.split(r"\[", str(variable.path[0]))[0]):
            rest = ".".join(map(str, variable.path))
            why = f"does not refer to the node '{variable.name}': braces take run inputs only"
            yield Lookalike(match[0], why, f"the whole value {_reference(variable.name, rest)} (no braces)")


def _whole(text: str, nodes: Collection[str]) -> Iterator[Lookalike]:
    """Yield a text that is an output or an input as a whole, in other words than a reference or a placeholder."""
    stripped = text.strip()
    if "${" in text:
        return
    if (given := _WHOLE_INPUT.fullmatch(stripped)) is not None and INPUTS not in nodes:
        yield Lookalike(text, "is how conditions name an input", f"{{{{{given[1]}}}}}")
    found = _WHOLE.fullmatch(stripped)
    if found is not None and found[1] in nodes and _is_output(found[2]) and not _is_prose(found[3]):
        nearest = f"{_reference(found[1], _OUTPUT + found[3])} as the whole value"
        yield Lookalike(text, "looks like a reference and is none", nearest)


def _is_prose(rest: str) -> bool:
    """Return true if words follow an output and its path."""
    _, after = _split(rest)
    return re.search(r"\s", after) is not None and _OPERATOR.match(after) is None


def _is_output(word: str) -> bool:
    return difflib.SequenceMatcher(None, word.lower(), _OUTPUT).ratio() >= _LIKE_OUTPUT


def _nearest(name: str, rest: str, nodes: Collection[str]) -> str:
    """Return the right form of a name with what follows it: of an input, or of a node's output."""
    if name == INPUTS and name not in nodes:
        return f"{{{{{'.'.join(_split(rest)[0]) or 'name'}}}}}"
    return _reference(name, rest.removeprefix("."))


def _reference(node: str, rest: str) -> str:
    """Return the reference to a node's output that is nearest to ``rest``, which begins with a word for output."""
    path = _split(f".{rest}")[0][1:]
    return f"{node}.{_OUTPUT}" + "".join(f"[{part}]" if part.isdecimal() else f".{part}" for part in path)


def _split(text: str) -> tuple[list[str], str]:
    """Return the parts of the path that a text begins with, and what follows it."""
    parts, at = [], 0
    while (match := _PART.match(text, at)) is not None:
        parts.append(match[1] or match[2])
        at = match.end()
    return parts, text[at:]


def _variable(inside: str) -> str:
    """Return the placeholder that is nearest to what the braces hold."""
    plain = unicodedata.normalize("NFKD", inside.replace("ß", "ss")).encode("ascii", "ignore").decode()
    head = re.split(r"[|(]", plain.strip().strip("$#/^>&!.%"))[0].strip()
    words = re.sub(r"[^A-Za-z0-9_.-]+", "_", re.sub(r"\[['\"]?([^\]'\"]*)['\"]?\]", r".\1", head)).strip("_.")
    found = f"{{{{{words if re.match(r'[A-Za-z_]', words) else f'_{words}'}}}}}"
    return found if words and parse_placeholder(found) else "{{name}}"


def _shown(text: str) -> str:
    return f"'{text}'" if len(text) <= _SHOWN else f"'{text[: _SHOWN - 3]}...'"
