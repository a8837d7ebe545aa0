"""What can be edited in a Lua script: swaps, other constants and left out statements, found by text."""

import re
from collections.abc import Iterator

from tests.mutation.mutant import Edit

Changes = dict[bytes, bytes]
#: Operator, what it looks for (the longest first), and what takes its place.
TOKENS: tuple[tuple[str, bytes, Changes], ...] = (
    (
        "comparison",
        rb"==|~=|<=|>=|<|>",
        {b"==": b"~=", b"~=": b"==", b"<=": b"<", b">=": b">", b"<": b"<=", b">": b">="},
    ),
    ("arithmetic", rb"\+|-", {b"+": b"-", b"-": b"+"}),
    ("boolean", rb"\band\b|\bor\b", {b"and": b"or", b"or": b"and"}),
    ("constant", rb"\btrue\b|\bfalse\b", {b"true": b"false", b"false": b"true"}),
    ("not", rb"\bnot\s+", {}),
    ("constant", rb"(?<![\w.])\d+(?![\w.])", {}),
)
#: A statement of one line that can be left out without a name going missing: a call, or an assignment.
STATEMENT = re.compile(
    rb"^[ \t]*(redis\.p?call\(.*\)|table\.insert\(.*\)|[\w.]+\[.*\] = .*[^,({]|\w+ = .*[^,({])[ \t]*$", re.M
)
QUIET = re.compile(rb"--\[\[.*?\]\]|--[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)
BRACKETS = ((b"(", b")"), (b"{", b"}"))
#: The head of a script, ``-- KEYS ...``, is a comment; these calls name no decision.
LOG_LINE = re.compile(rb"redis\.log\(")


def edits_of(source: bytes) -> list[Edit]:
    """Return every edit of a Lua script."""
    blank = QUIET.sub(lambda found: re.sub(rb"[^\n]", b" ", found[0]), source)
    return [*_token_edits(blank), *_dropped(source, blank)]


def _token_edits(blank: bytes) -> Iterator[Edit]:
    for operator, pattern, changes in TOKENS:
        for found in re.finditer(pattern, blank):
            text = changes.get(found[0], _other(found[0]))
            yield _edit(blank, operator, found.start(), found.end(), text)


def _other(text: bytes) -> bytes:
    """Return what takes a token's place that is in no table: nothing for ``not``, the next number for a number."""
    return b"%d" % (int(text) + 1) if text.isdigit() else b""


def _dropped(source: bytes, blank: bytes) -> Iterator[Edit]:
    for found in STATEMENT.finditer(source):
        start, end = found.span(1)
        is_code = bool(blank[start:end].strip()) and not LOG_LINE.match(source, start)
        if is_code and _is_whole(blank[start:end]):
            yield _edit(source, "statement", start, end, b"do end")


def _is_whole(text: bytes) -> bool:
    """Return whether a line is a statement of its own, neither the head nor the end of a block."""
    balanced = all(text.count(opening) == text.count(closing) for opening, closing in BRACKETS)
    return balanced and not re.search(rb"\b(then|do|function|end)\b", text)


def _edit(source: bytes, operator: str, start: int, end: int, text: bytes) -> Edit:
    line = source.count(b"\n", 0, start) + 1
    return Edit(operator, start, end, text, (line, line), "")
