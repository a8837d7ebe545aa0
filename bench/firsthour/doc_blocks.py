"""Fenced blocks of documentation pages: commands to run, and the output that pages promise."""

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{8}-…")
_NUMBER = re.compile(r"\d+(?:[.:]\d+)*")
#: Stands in pages for what is left out.
ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block. ``language`` is ``bash`` for commands."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        """Name its place."""
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page in their order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page.name, text.count("\n", 0, found.start()) + 1, found[1], found[2]) for found in _FENCE.finditer(text)
    ]


def missing_lines(promised: str, output: str) -> list[str]:
    """Return the promised lines that an output does not have; ids and numbers may differ, and ``…`` is anything."""
    lines = [_masked(line) for line in output.splitlines()]
    return [line for line in promised.splitlines() if line.strip() and not any(_fits(line, one) for one in lines)]


def _fits(promised: str, line: str) -> bool:
    pieces = [piece.strip() for piece in _masked(promised).split(ELLIPSIS)]
    # Within a line: the answers of HTTP end without a line break.
    return re.search(".*".join(map(re.escape, pieces)), line) is not None


def _masked(line: str) -> str:
    return _NUMBER.sub("N", _UUID.sub("ID", line))
