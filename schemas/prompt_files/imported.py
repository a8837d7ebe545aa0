"""The result of an import: a prompt, and the cases and scorers that are in the same file of another program."""

import re
from dataclasses import dataclass, field
from typing import Any

from schemas.api_models.prompts.versions import CreatePrompt
from schemas.prompt_files.problems import Note
from schemas.templates import Dialect

_TAG = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")


@dataclass(frozen=True)
class Imported:
    """A prompt of another program. ``cases`` and ``scorers`` are as the API takes them; ``notes`` is what is lost."""

    prompt: CreatePrompt
    notes: list[Note] = field(default_factory=list)
    cases: list[dict[str, Any]] = field(default_factory=list)
    scorers: list[dict[str, Any]] = field(default_factory=list)


def dialect_of(*texts: str, other: Dialect = "jinja") -> Dialect:
    """Return our own dialect for templates of plain names alone, which read the same, else the ``other``."""
    plain = all(
        "{%" not in text and "{#" not in text and all(_PLAIN.fullmatch(tag) for tag in _TAG.findall(text))
        for text in texts
    )
    return "agentflow" if plain else other


def missing_note(dialect: Dialect) -> list[Note]:
    """Return the difference of a template whose missing values were empty before."""
    if dialect == "mustache":
        return []
    return [Note("missing values", "are empty there and an error here", "give a default where a value may be missing")]
