"""How the ``local`` models read a prompt: an instruction up to its first colon, then the material to work on.

The material is plain text, or a JSON list or object whose strings are its parts: so a reduce step may hand
over the list of its mappers' answers. Answers of this model among the parts are taken apart again, so that
their key terms and counts add up instead of being scored as prose.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Literal

Task = Literal["analyze", "summarize"]

KEY_SENTENCES = "Key sentences:"
KEY_TERMS = "Key terms:"
COUNTS = "Counts:"

#: An instruction is one paragraph; a longer lead-in is more likely the material itself.
_LONGEST_INSTRUCTION = 600
_ASKS = re.compile(
    r"\b(analy[sz]e|summari[sz]e|summary|extract|describe|review|explain|list|find|classify|combine|merge|condense|translate|read)\b",
    re.IGNORECASE,
)
_SUMMARIZES = re.compile(r"\b(summari[sz]e|summary|combine|merge|condense)\b", re.IGNORECASE)
_HEADINGS = re.compile(rf"^(?:{KEY_SENTENCES}|Summary of [^\n]{{1,60}}:)$")
_COUNTED_WORDS = re.compile(r"([\d,]+) words?\b")
_BULLET = re.compile(r"^\s*[-*•]\s+")


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of the material, its paragraphs unwrapped to one line each.

    ``words`` is the count that the part reports of the text it was made from, if it does.
    """

    paragraphs: tuple[str, ...]
    terms: tuple[str, ...] = ()
    words: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A prompt, read."""

    task: Task
    parts: tuple[Part, ...] = field(default=())


def read(prompt: str) -> Reading:
    """Read a prompt. Never raises: what is not understood is material."""
    instruction, material = _split(prompt)
    task: Task = "summarize" if _SUMMARIZES.search(instruction) else "analyze"
    parts = (_part(text) for text in _texts(material))
    return Reading(task, tuple(part for part in parts if part.paragraphs or part.terms))


def _split(prompt: str) -> tuple[str, str]:
    text = prompt.strip()
    colon = re.search(r":(?=\s|$)", text[:_LONGEST_INSTRUCTION])
    if colon is None:
        return "", text
    instruction = text[: colon.end()]
    if "\n\n" in instruction or not _ASKS.search(instruction):
        return "", text
    return instruction, text[colon.end() :].strip()


def _texts(material: str) -> list[str]:
    if material[:1] in ("[", "{"):
        try:
            return _strings(json.loads(material))
        except (ValueError, RecursionError):
            pass
    return [material]


def _strings(value: object) -> list[str]:
    """Return every string in a JSON value, in order. Deep nesting is walked with a stack of our own."""
    found: list[str] = []
    stack = [value]
    while stack:
        here = stack.pop()
        if isinstance(here, str):
            found.append(here)
        elif isinstance(here, list):
            stack.extend(reversed(here))
        elif isinstance(here, dict):
            stack.extend(reversed(list(here.values())))
    return found


def _part(text: str) -> Part:
    prose: list[str] = []
    terms: tuple[str, ...] = ()
    words: int | None = None
    for line in text.splitlines():
        if line.startswith(KEY_TERMS):
            terms += tuple(t.strip() for t in line.removeprefix(KEY_TERMS).split(",") if t.strip())
        elif line.startswith(COUNTS) and (counted := _COUNTED_WORDS.search(line)):
            words = (words or 0) + int(counted[1].replace(",", ""))
        elif _HEADINGS.match(line):
            continue
        elif _BULLET.match(line):
            prose += ["", _BULLET.sub("", line), ""]
        else:
            prose.append(line)
    return Part(_paragraphs("\n".join(prose)), terms, words)


def _paragraphs(text: str) -> tuple[str, ...]:
    unwrapped = (" ".join(block.split()) for block in re.split(r"\n[^\S\n]*\n", text))
    return tuple(block for block in unwrapped if block)
