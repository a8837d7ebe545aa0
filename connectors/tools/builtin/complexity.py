"""``complexity_router``: how hard a text is to read, from 0 to 1, and which way it goes.

The measure is a weighted mean of four shares, each from 0 to 1 between a low and a high mark:

| share | 0 at | 1 at | weight |
|---|---|---|---|
| words in a sentence, mean | 5 | 30 | 0.35 |
| characters in a word, mean | 3.5 | 6.5 | 0.25 |
| words of 7 or more characters | 0% | 40% | 0.20 |
| different words among 50 in a row, mean | 50% | 95% | 0.20 |

A short text cannot show much of any of them, so the mean is taken times ``n / (n + 5)`` for ``n`` words. Nothing is
learned or drawn: the same text always has the same complexity. The marks fit English; for languages that are written
without spaces it says little.
"""

import re
from typing import Annotated, Any

from pydantic import Field

from connectors.tools.builtin.text import text_of
from connectors.tools.registry import function

_WORD = re.compile(r"[^\W_]+(?:['’\-][^\W_]+)*")
#: A sentence ends with its stop, a text in lines (a list, a heading) also with an empty line.
_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?:\s+|$)|\n\s*\n")
_LONG = 7
#: A share of different words falls with the length of the text, unless it is counted in windows of one length.
_WINDOW = 50
_DOUBT = 5
#: More says no more, and a word list of any book fits in.
_MAX_WORDS = 20_000


@function("complexity_router", isolation="thread")
def route(*, threshold: Annotated[float, Field(ge=0, le=1)] = 0.5, **inputs: Any) -> dict[str, Any]:
    """Return ``complexity`` from 0 to 1, and ``route``: ``complex`` at ``threshold`` or above, else ``simple``.

    The text is the input ``text`` or ``content``, or else the only input that is a text.
    """
    found = complexity(text_of("complexity_router", inputs))
    return {"complexity": found, "route": "complex" if found >= threshold else "simple"}


def complexity(text: str) -> float:
    """Return the measure of a text, rounded to three digits; 0 for one without words."""
    words = [match.group().lower() for match in _WORD.finditer(text)][:_MAX_WORDS]
    if not words:
        return 0.0
    sentences = _sentences(text, len(words))
    mean = (
        0.35 * _share(len(words) / sentences, 5, 30)
        + 0.25 * _share(sum(map(len, words)) / len(words), 3.5, 6.5)
        + 0.20 * _share(sum(len(word) >= _LONG for word in words) / len(words), 0, 0.4)
        + 0.20 * _share(_variety(words), 0.5, 0.95)
    )
    return round(mean * len(words) / (len(words) + _DOUBT), 3)


def _sentences(text: str, words: int) -> int:
    """Return how many stretches of the measured part of the text have words in them."""
    count = seen = 0
    for part in _END.split(text):
        found = sum(1 for _ in _WORD.finditer(part))
        count += found > 0
        seen += found
        if seen >= words:
            break
    return max(count, 1)


def _variety(words: list[str]) -> float:
    """Return the mean share of different words in every window of the text."""
    size = min(_WINDOW, len(words))
    counts: dict[str, int] = {}
    for word in words[:size]:
        counts[word] = counts.get(word, 0) + 1
    total = len(counts)
    for old, new in zip(words, words[size:], strict=False):
        counts[old] -= 1
        if not counts[old]:
            del counts[old]
        counts[new] = counts.get(new, 0) + 1
        total += len(counts)
    return total / (len(words) - size + 1) / size


def _share(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))
