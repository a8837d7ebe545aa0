"""How a ``local`` model answers a prompt that asks for a JSON object and shows its shape.

``{"type": "text" | "image", "summary": <what it says>}``: of named options one is chosen, a placeholder in angle
brackets is filled. Nothing is learned: each option has cues, and the one with the most of them in the material wins;
among equals the one that is written first. A placeholder named like a file gets the first file name in the material,
any other some sentences of it.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_OPTION = r'"[^"\\\n]{1,60}"'
_OPTIONS = rf"{_OPTION}(?:\s*\|\s*{_OPTION})+"
_BLANK = r'"?<[^<>{}"\n]{1,120}>"?'
_FIELD = rf'"(?P<name>[A-Za-z_]\w{{0,40}})"\s*:\s*(?P<value>{_OPTIONS}|{_BLANK})'
_ANY_FIELD = rf'"[A-Za-z_]\w{{0,40}}"\s*:\s*(?:{_OPTIONS}|{_BLANK})'
_SHAPE = re.compile(rf"\{{\s*{_ANY_FIELD}(?:\s*,\s*{_ANY_FIELD})*\s*\}}")
_FIELDS = re.compile(_FIELD)
#: The shape stands in the instruction; what comes later is material.
_LONGEST_INSTRUCTION = 1_000
_MEASURED = 20_000

_FILE = re.compile(r"[A-Za-z0-9][\w./-]{0,200}\.[A-Za-z][A-Za-z0-9]{1,4}\b")
_FILE_NAMES = frozenset({"key", "document_key", "image_key", "file", "filename"})

_STOP_WORDS = {
    "en": "the of and to in is that for it with as was on be are this we our",
    "es": "el la de que y en los las por con una para del se es su",
    "fr": "le la les des et du un une est que dans pour pas au nous qui",
    "de": "der die und das ist nicht ein eine zu den mit von auf wir im dem",
    "it": "il di che la e un una per non sono del della con gli si nel",
    "pt": "o a de que e do da em um para uma os as com no se",
}
_CUES = {
    "image": r"\.(?:png|jpe?g|gif|webp|bmp|tiff?|ico)\b|\bdata:image/",
    "advertisement": r"\b(?:buy|sale|discount|offers?|order now|price|free|click)\b",
    "review": r"\b(?:stupid|idiots?|liars?|shut up|scam)\b",
    "block": r"\b(?:kill|murder|bomb|shoot|attack) (?:you|him|her|them|us|everyone)\b",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """The fields of an object that is asked for, and the material to make it of. No options: a blank to fill."""

    fields: tuple[tuple[str, tuple[str, ...]], ...]
    material: str


def shape_of(prompt: str) -> Shape | None:
    """Return the shape that a prompt shows in its instruction, if it does."""
    found = _SHAPE.search(prompt[:_LONGEST_INSTRUCTION])
    if found is None:
        return None
    fields = tuple((match["name"], _options(match["value"])) for match in _FIELDS.finditer(found[0]))
    return Shape(fields, prompt[found.end() :].strip() or prompt[: found.start()].strip())


def versions(shape: Shape, sentences: Callable[[], list[str]]) -> Iterator[str]:
    """Yield the object as JSON, from its longest form to its shortest: its blanks with fewer ``sentences``."""
    blank = any(not options and name not in _FILE_NAMES for name, options in shape.fields)
    found = sentences() if blank else []
    for size in range(len(found), -1, -1):
        text = " ".join(found[:size])
        yield json.dumps(
            {name: _value(name, options, shape, text) for name, options in shape.fields}, ensure_ascii=False
        )


def choose(options: tuple[str, ...], material: str) -> str:
    """Return the option with the most cues in the material."""
    text = material[:_MEASURED]
    return max(options, key=lambda option: _score(option, text))


def _value(name: str, options: tuple[str, ...], shape: Shape, text: str) -> str | None:
    if options:
        return choose(options, shape.material)
    if name in _FILE_NAMES:
        found = _FILE.search(shape.material)
        return found[0] if found else None
    return text


def _options(value: str) -> tuple[str, ...]:
    return tuple(re.findall(r'"([^"]+)"', value)) if "|" in value and "<" not in value else ()


def _score(option: str, text: str) -> int:
    known = option.lower()
    if known in _STOP_WORDS:
        wanted = set(_STOP_WORDS[known].split())
        return sum(word in wanted for word in re.findall(r"[^\W\d_]+", text.lower()))
    pattern = _CUES.get(known)
    return len(re.findall(pattern, text, re.IGNORECASE)) if pattern else 0
