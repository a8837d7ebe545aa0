"""One small wrong edit of one source file, and its stable name."""

import difflib
import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """Replace the bytes ``start`` to ``end`` of a file; ``lines`` (from 1, both included) are its statement's."""

    operator: str
    start: int
    end: int
    replacement: bytes
    lines: tuple[int, int]
    #: The function and class around it, "" on the level of the module.
    scope: str
    #: Whether the statement runs when the module is imported.
    at_import: bool = False


@dataclass(frozen=True)
class Mutant:
    """An edit of ``path``, relative to the tree. ``before`` and ``after`` are the lines that differ, stripped."""

    path: str
    edit: Edit
    before: str
    after: str
    #: Which of several equal edits in the same scope, from 0.
    occurrence: int = 0

    @property
    def name(self) -> str:
        """Return its name: stable while its scope and lines are as they are, wherever they stand in the file."""
        parts = (self.path, self.edit.scope, self.edit.operator, self.before, self.after, str(self.occurrence))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]

    def apply(self, source: bytes) -> bytes:
        """Return the source with the edit made."""
        return source[: self.edit.start] + self.edit.replacement + source[self.edit.end :]

    def diff(self, source: bytes) -> str:
        """Return the edit as a unified diff with one line of context."""
        old, new = source.decode().splitlines(), self.apply(source).decode().splitlines()
        return "\n".join(difflib.unified_diff(old, new, self.path, self.path, n=1, lineterm=""))


def mutants_of(path: str, source: bytes, edits: list[Edit]) -> list[Mutant]:
    """Return the edits as mutants, in the order of the file. Equal edits in one scope are numbered."""
    found: list[Mutant] = []
    count: dict[tuple[str, str, str, str], int] = {}
    for edit in sorted(edits, key=lambda e: (e.start, e.end, e.operator, e.replacement)):
        before, after = _changed_lines(source, edit)
        key = (edit.scope, edit.operator, before, after)
        count[key] = count.get(key, -1) + 1
        found.append(Mutant(path, edit, before, after, count[key]))
    return found


def _changed_lines(source: bytes, edit: Edit) -> tuple[str, str]:
    first = source.rfind(b"\n", 0, edit.start) + 1
    last = source.find(b"\n", edit.end)
    last = len(source) if last < 0 else last
    after = source[first : edit.start] + edit.replacement + source[edit.end : last]
    return source[first:last].decode().strip(), after.decode().strip()
