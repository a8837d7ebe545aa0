"""Decoded parts of a text, put together with what stands around them."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.privacy.sanitise.offsets import Offsets, Piece, Pieces

#: Characters around a decoded part that are kept with it: rules look for words beside a value.
BEFORE, AFTER = 64, 32
#: Between parts that stand far from each other.
_GAP = "\n"


@dataclass(frozen=True)
class Decoded:
    """What an encoding ``name`` of a text holds. ``strong`` when chance alone would hardly make it readable."""

    name: str
    text: str
    offsets: Offsets
    strong: bool = False


def in_place(
    name: str, text: str, runs: Iterable[Piece], *, strong: bool = False, before: int = BEFORE, after: int = AFTER
) -> Decoded | None:
    """Return the parts of a text around ``runs``, with each run as the text that it holds; ``None`` without runs.

    Runs are in order and do not overlap.
    """
    pieces: list[Piece] = []
    end = 0
    for run in runs:
        if not pieces:
            _exact(pieces, text, max(0, run.start - before), run.start)
        elif run.start - end <= before + after:
            _exact(pieces, text, end, run.start)
        else:
            _exact(pieces, text, end, end + after)
            pieces.append(Piece(end + after, end + after, _GAP))
            _exact(pieces, text, run.start - before, run.start)
        pieces.append(run)
        end = run.end
    if not pieces:
        return None
    _exact(pieces, text, end, min(len(text), end + after))
    return Decoded(name, "".join(piece.text for piece in pieces), Pieces(pieces), strong)


def _exact(pieces: list[Piece], text: str, start: int, end: int) -> None:
    if start < end:
        pieces.append(Piece(start, end, text[start:end], exact=True))


def readable(raw: bytes, *, least: int = 6) -> str | None:
    """Return bytes as text, in UTF-8 or UTF-16, when they look like one; ``None`` otherwise."""
    if len(raw) < least:
        return None
    if b"\0" in raw[:64]:
        return _wide(raw)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    return text if _looks_written(text) else None


def _wide(raw: bytes) -> str | None:
    for codec, zeros in (("utf-16-le", raw[1::2]), ("utf-16-be", raw[::2])):
        if zeros.count(0) * 2 > len(zeros) and len(raw) % 2 == 0:
            try:
                text = raw.decode(codec)
            except UnicodeDecodeError:
                continue
            return text if _looks_written(text) else None
    return None


def _looks_written(text: str) -> bool:
    sample = text[:2000]
    plain = sum(map(str.isprintable, sample)) + sample.count("\n") + sample.count("\t") + sample.count("\r")
    # Short texts look written by chance, unless they are ASCII throughout.
    return plain == len(sample) if len(text) < 16 or text.isascii() else plain >= 0.95 * len(sample)
