"""Mutants that nothing can notice, each with the reason: ``equivalent.toml``.

[[equivalent]]
path = "streams/core/retry.py"
scope = "delay_ms"          # class and function around it
operator = "comparison"
before = "if wait > most:"  # the line, stripped
after = "if wait >= most:"
occurrence = 0              # which of several equal ones in the scope; 0 may be left out
reason = "Both branches return most when they are equal."
"""

import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.mutant import Edit, Mutant

LIST = Path(__file__).with_name("equivalent.toml")
FIELDS = {"path", "scope", "operator", "before", "after", "occurrence", "reason"}


class ListError(Exception):
    """The list cannot be read. The message names the entry and what is wrong with it."""


@dataclass(frozen=True)
class Equivalent:
    """A mutant by its name, and why it changes nothing that can be observed."""

    name: str
    path: str
    text: str
    reason: str


def read(path: Path = LIST) -> list[Equivalent]:
    """Return the list's entries; none when there is no file. Raises ``ListError``."""
    if not path.is_file():
        return []
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("equivalent", [])
    except tomllib.TOMLDecodeError as exc:
        raise ListError(f"{path.name}: {exc}") from exc
    return [_entry(number, entry) for number, entry in enumerate(entries, 1)]


def _entry(number: int, entry: dict[str, object]) -> Equivalent:
    missing, unknown = FIELDS - {"occurrence"} - entry.keys(), entry.keys() - FIELDS
    if missing or unknown or not str(entry.get("reason", "")).strip():
        wrong = ", ".join(sorted(missing | unknown)) or "an empty reason"
        raise ListError(f"equivalent.toml, entry {number}: missing, unknown or empty: {wrong}")
    path, scope, operator, before, after, reason = (
        str(entry[key]) for key in ("path", "scope", "operator", "before", "after", "reason")
    )
    occurrence = int(str(entry.get("occurrence", 0)))
    mutant = Mutant(path, Edit(operator, 0, 0, b"", (1, 1), scope), before, after, occurrence)
    return Equivalent(mutant.name, path, f"{path}: {before} => {after}", reason)


def stale(entries: Sequence[Equivalent], mutants: Callable[[str], Iterable[Mutant]]) -> list[Equivalent]:
    """Return the entries that no mutant of their file bears any more, since its source has changed."""
    return [entry for entry in entries if entry.name not in {mutant.name for mutant in mutants(entry.path)}]
