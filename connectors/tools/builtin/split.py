"""``text_splitter``: a text in pieces of bounded size, cut where a reader would pause."""

import re
from typing import Annotated, Any

from pydantic import Field

from connectors.tools.builtin.text import text_of
from connectors.tools.registry import function
from schemas.errors import StepError

#: Where to cut, best first: after a paragraph, a line, a sentence, a word.
_BOUNDARIES = (
    re.compile(r"\n[ \t]*\n\s*"),
    re.compile(r"[.!?…][\"'”’)\]]*\s+"),
    re.compile(r"\n"),
    re.compile(r"\s+"),
)


@function("text_splitter", isolation="thread")  # a book takes longer than the event loop may stand still
def split(
    *, chunk_size: Annotated[int, Field(ge=1)] = 1000, overlap: Annotated[int, Field(ge=0)] = 0, **inputs: Any
) -> list[str]:
    """Return the text in pieces of at most ``chunk_size`` characters, each with the last ``overlap`` of the one before.

    The text is the input ``text`` or ``content``, or else the only input that is a text.
    """
    if overlap >= chunk_size:
        raise StepError("bad_arguments", f"overlap {overlap} must be less than chunk_size {chunk_size}")
    return pieces(text_of("text_splitter", inputs), chunk_size, overlap)


def pieces(text: str, size: int, overlap: int) -> list[str]:
    """Return the pieces, without the white space around them; those of nothing else are left out."""
    found: list[str] = []
    start = 0
    while start < len(text):
        end = _cut(text, start, size)
        piece = text[start:end].strip()
        if piece:
            found.append(piece)
        if end >= len(text):
            break
        start = max(_overlapped(text, end, overlap), start + 1)
    return found


def _cut(text: str, start: int, size: int) -> int:
    """Return where the piece ends: at the last of the best boundaries in its second half, or at its full size."""
    limit = start + size
    if limit >= len(text):
        return len(text)
    earliest = start + size // 2
    for boundary in _BOUNDARIES:
        ends = [m.end() for m in boundary.finditer(text, earliest, limit)]
        if ends:
            return ends[-1]
    return limit


def _overlapped(text: str, end: int, overlap: int) -> int:
    """Return where the next piece starts: up to ``overlap`` characters back, at the start of a word if there is one."""
    if not overlap:
        return end
    earliest = max(end - overlap, 0)
    if earliest == 0 or text[earliest - 1].isspace():
        return earliest
    word = re.compile(r"\s+").search(text, earliest, end)
    return word.end() if word and word.end() < end else earliest
