"""Handlebars templates, as dotprompt has them, in our own dialect.

A value that is missing is empty there and an error here, so values that nothing requires get a default. Blocks become
sections. Helpers without a counterpart are errors that name them.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from schemas.prompt_files.front_matter import unix_lines
from schemas.prompt_files.problems import Note, invalid
from schemas.records.base import Json

_TAG = re.compile(
    r"(?P<escaped>\\)?(?P<open>\{\{\{?)(?P<left>~?)"
    r"(?P<inner>!--(?:(?!--~?\}\}).)*--|[^{}]*?(?:\"[^\"]*\"[^{}]*?)*?)(?P<right>~?)(?P<close>\}?\}\})",
    re.DOTALL,
)
_NAME = r"@?[^\W\d][\w-]*(?:[./][\w-]+)*"
_PATH = re.compile(rf"(?:this|\.|(?:\.\./|this[./]|@root\.)*{_NAME})")
_WORD = re.compile(r'"[^"]*"|\'[^\']*\'|[^\s=]+=(?:"[^"]*"|\'[^\']*\'|\S+)|\S+')
_LOOP_DATA = frozenset({"@index", "@key", "@first", "@last"})
#: Items with a text between them, which is a filter here.
_JOINED = re.compile(
    r"\{\{#each\s+([^\W\d][\w.]*)\s*\}\}\{\{\s*this\s*\}\}\{\{#unless\s+@last\s*\}\}([^{}]*)\{\{/unless\}\}\{\{/each\}\}"
)
#: How blocks are written here.
_SECTIONS = {"if": "#", "each": "#", "with": "#", "unless": "^"}
_OTHER = {"#": "^", "^": "#"}
_WRITTEN = re.compile(r"\w[\w.]* \| join\(.*\) \| default\(\"\"\)", re.DOTALL)
_LITERAL = re.compile(r"\"[^\"]*\"|'[^']*'|-?[0-9]+(?:\.[0-9]+)?|true|false|null")
#: How a text with two braces is written here.
_BRACES = '{{"{{"}}'


@dataclass
class Values:
    """What is known of a template's values: names that are always given, lists, and defaults."""

    required: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    defaults: Mapping[str, Json] = field(default_factory=dict)


@dataclass
class _Block:
    """A block that is open. ``closers`` are the tags that close it, the innermost last."""

    word: str
    line: int
    closers: list[tuple[str, str]]


@dataclass(frozen=True)
class _Tag:
    inner: str
    line: int


def converted(template: str, values: Values, notes: list[Note]) -> str:
    """Return a template in our own dialect; what has another meaning is added to ``notes``. Raises ``InvalidSpec``."""
    return _Conversion(values, notes).text(_JOINED.sub(_joined, unix_lines(template)))


class _Conversion:
    def __init__(self, values: Values, notes: list[Note]) -> None:
        self._values = values
        self._notes = notes
        self._blocks: list[_Block] = []
        self._said: set[str] = set()

    def text(self, template: str) -> str:
        """Return the whole template."""
        pieces: list[str] = []
        at, strips = 0, False
        for match in _TAG.finditer(template):
            between = template[at : match.start()]
            between = between.lstrip() if strips else between
            pieces.append(between.rstrip() if match["left"] else between)
            at, strips = match.end(), bool(match["right"])
            tag = _Tag(match["inner"].strip(), template.count("\n", 0, match.start()) + 1)
            if match["escaped"]:
                pieces.append(_BRACES + match[0][len(match["escaped"] + match["open"]) :])
                continue
            written = self._tag(tag)
            if tag.inner == "else" or tag.inner.startswith(("else ", ">")):
                at = _without_line(template, match, pieces, at)
            pieces.append(written)
        rest = template[at:]
        pieces.append(rest.lstrip() if strips else rest)
        if self._blocks:
            block = self._blocks[-1]
            raise invalid(
                "", f"line {block.line}: the block '{block.word}' is not closed", f"write {{{{/{block.word}}}}}"
            )
        return "".join(pieces)

    def _tag(self, tag: _Tag) -> str:
        inner = tag.inner
        if inner.startswith("!"):
            said = inner.strip("!-").strip()
            return f"{{{{! {said} }}}}" if "}}" not in said else "{{!}}"
        if inner.startswith(">"):
            return self._part(tag)
        if inner.startswith(("#", "^")) and inner.strip() != "^":
            return self._open(tag)
        if inner.startswith("/"):
            return self._close(tag)
        if inner in ("else", "^") or inner.startswith("else "):
            return self._else(tag)
        if _WRITTEN.fullmatch(inner):
            return f"{{{{{inner}}}}}"
        return self._value(tag, [*_words(inner.removeprefix("&"))])

    def _value(self, tag: _Tag, words: list[str]) -> str:
        match words:
            case [one] if _LITERAL.fullmatch(one):
                return f"{{{{{one}}}}}"
            case ["history"] | ["section", _]:
                raise self._unknown(tag, words[0], "an agent has its history, and a message is one text")
            case [path]:
                return f"{{{{{self._path(path, tag)}{self._default(path)}}}}}"
            case ["json", path, *more]:
                indent = "".join(word.partition("=")[2] for word in more if word.startswith("indent="))
                return f"{{{{{self._path(path, tag)} | json{f'({indent})' if indent else ''}}}}}"
            case ["role", _]:
                return f"{{{{{' '.join(words)}}}}}"
            case ["media", url, *_] if url.startswith("url=") and not _LITERAL.fullmatch(url[4:]):
                return f"{{{{media url={self._path(url[4:], tag)}}}}}"
        raise self._unknown(tag, words[0] if words else "", "write the text out, or take the dialect jinja")

    def _part(self, tag: _Tag) -> str:
        name, *args = _words(tag.inner[1:]) or [""]
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", name):
            raise self._unknown(tag, f"> {name}", "name a part by its name")
        return f"{{{{> {' '.join([name, *(self._argument(word, tag) for word in args)])}}}}}"

    def _argument(self, word: str, tag: _Tag) -> str:
        name, equals, value = word.partition("=")
        if not equals:
            raise self._unknown(tag, word, "give a part its values by name: {{> header title=name}}")
        if value.startswith("'"):
            return f"{name}={json.dumps(value[1:-1], ensure_ascii=False)}"
        return word if _LITERAL.fullmatch(value) else f"{name}={self._path(value, tag)}"

    def _open(self, tag: _Tag) -> str:
        words = [*_words(tag.inner[1:])]
        word = words[0] if words else ""
        sign = tag.inner[0]
        if word in _SECTIONS and len(words) == 2:
            sign = _SECTIONS[word]
        elif len(words) != 1:
            raise self._unknown(tag, word, "write it as conditions of single values, or take the dialect jinja")
        name = self._path(words[-1], tag)
        if word == "if":
            self._warn_of_lists(name, tag)
        self._blocks.append(_Block(word, tag.line, [(sign, name)]))
        return f"{{{{{sign}{name}}}}}"

    def _else(self, tag: _Tag) -> str:
        if not self._blocks:
            raise invalid("", f"line {tag.line}: an else is outside of a block", "remove it")
        block = self._blocks[-1]
        sign, name = block.closers[-1]
        block.closers[-1] = (_OTHER[sign], name)
        written = f"{{{{/{name}}}}}{{{{{_OTHER[sign]}{name}}}}}"
        words = [*_words(tag.inner)][1:]
        if not words:
            return written
        if len(words) != 2 or words[0] not in _SECTIONS:
            raise self._unknown(tag, f"else {words[0]}", "write it as conditions of single values")
        inner = self._path(words[1], tag)
        block.closers.append((_SECTIONS[words[0]], inner))
        return f"{written}{{{{{_SECTIONS[words[0]]}{inner}}}}}"

    def _close(self, tag: _Tag) -> str:
        word = tag.inner[1:].strip()
        if not self._blocks or self._blocks[-1].word != word:
            open_one = f"the one that is open is '{self._blocks[-1].word}'" if self._blocks else "none is open"
            raise invalid(
                "", f"line {tag.line}: the block '{word}' is closed, and {open_one}", "close the inner one first"
            )
        return "".join(f"{{{{/{name}}}}}" for _, name in reversed(self._blocks.pop().closers))

    def _path(self, path: str, tag: _Tag) -> str:
        if _PATH.fullmatch(path) is None or path.partition(".")[0] in _LOOP_DATA:
            raise self._unknown(tag, path, "give the value as an input, by a name")
        if path in ("this", "."):
            return "."
        bare = re.sub(r"^(?:\.\./|this[./]|@root\.)+", "", path)
        if bare.startswith("@"):
            name = bare[1:].partition(".")[0]
            self._note(f"@{name}", "is a variable of the context", f"give it as the input '{name}'")
        if path.startswith(("../", "@root.")):
            self._note(path, "is looked up from the inside out here", "rename a field of the item with the same name")
        return bare.removeprefix("@").replace("/", ".")

    def _default(self, path: str) -> str:
        """Return the filter of a value that may be missing, which is empty in Handlebars."""
        if path in ("this", "."):
            return ""
        if path in self._values.defaults:
            return f" | default({json.dumps(self._values.defaults[path], ensure_ascii=False)})"
        return "" if path in self._values.required and not self._blocks else ' | default("")'

    def _warn_of_lists(self, name: str, tag: _Tag) -> None:
        if name.partition(".")[0] in self._values.lists:
            raise self._unknown(
                tag, f"if {name}", "a section repeats for each item of a list: give a condition as an input"
            )
        if name.partition(".")[0] not in self._values.required:
            self._note(f"if {name}", "repeats for each item if the value is a list", "give a text or true and false")

    def _note(self, subject: str, message: str, fix: str) -> None:
        if subject not in self._said:
            self._said.add(subject)
            self._notes.append(Note(subject, message, fix))

    def _unknown(self, tag: _Tag, what: str, fix: str) -> Exception:
        return invalid("", f"line {tag.line}: '{what}' of Handlebars has no counterpart here", fix)


def _joined(match: re.Match[str]) -> str:
    return f'{{{{{match[1]} | join({json.dumps(match[2], ensure_ascii=False)}) | default("")}}}}'


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _without_line(template: str, match: re.Match[str], pieces: list[str], at: int) -> int:
    """Take the line of a tag away that stands alone in it, and return where the next one begins."""
    start = template.rfind("\n", 0, match.start()) + 1
    end = template.find("\n", match.end())
    end = len(template) if end < 0 else end + 1
    if template[start : match.start()].strip() or template[match.end() : end].strip():
        return at
    pieces[-1] = pieces[-1].rstrip(" \t")
    return end


def lists_of(schema: Mapping[str, Json] | None) -> frozenset[str]:
    """Return the names of the values that are lists."""
    return frozenset(_named(schema, "array"))


def _named(schema: Mapping[str, Json] | None, kind: str) -> Iterator[str]:
    properties = (schema or {}).get("properties")
    for name, said in properties.items() if isinstance(properties, dict) else ():
        kinds = said.get("type") if isinstance(said, dict) else None
        if kind in (kinds if isinstance(kinds, list) else [kinds]):
            yield name


def values_of(schema: Mapping[str, Json] | None, defaults: Mapping[str, Json], notes: list[Note]) -> Values:
    """Return what is known of the values by their schema. Defaults that are no single value are noted."""
    required = (schema or {}).get("required")
    names: Iterable[object] = required if isinstance(required, list) else ()
    scalars = {name: value for name, value in defaults.items() if not isinstance(value, dict | list)}
    notes.extend(
        Note(f"input.default.{name}", "is no single value, and is dropped", "give it with each call")
        for name in defaults
        if name not in scalars
    )
    return Values(frozenset(str(name) for name in names) - scalars.keys(), lists_of(schema), scalars)
