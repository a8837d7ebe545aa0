"""Values in place of their tokens, in texts, JSON values and streams of text.

``values`` are what ``Tokens.values_of`` returns. A token without a value stays as it is. So does everything that only
looks like a token: what decides is whether the very token is among the values.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from schemas.privacy.tokens import MAX_GAP, TokenSpan, find, is_close, significant, squeezed
from schemas.records.base import Json

Values = Mapping[str, str | None]
Escape = Callable[[str], str]
"""What is done to a value before it is put into a text."""


def as_it_is(value: str) -> str:
    """Return the value: for plain texts."""
    return value


def as_json_text(value: str) -> str:
    """Return the value as it stands between the quotes of a JSON string: for JSON that is still a text."""
    return json.dumps(value, ensure_ascii=False)[1:-1]


def tokens_in(value: Json) -> set[str]:
    """Return all that may be a token in a JSON value, in its texts and its keys: what to ask the vault for."""
    return {one.token for text in _texts(value) for one in find(text)}


def restore_text(text: str, values: Values, escape: Escape = as_it_is) -> str:
    """Return the text with the values of its tokens. Of two tokens that overlap, the first one counts."""
    parts, end = list[str](), 0
    for span, value in _live(find(text) if values else (), values):
        if span.start >= end:
            parts += (text[end : span.start], escape(value))
            end = span.end
    return "".join((*parts, text[end:])) if parts else text


def restore_json(value: Json, values: Values) -> Json:
    """Return the value with those of its tokens, in texts and keys; other parts are the same objects."""
    if isinstance(value, str):
        return restore_text(value, values)
    if isinstance(value, list):
        return [restore_json(one, values) for one in value]
    if isinstance(value, dict):
        return {restore_text(key, values): restore_json(one, values) for key, one in value.items()}
    return value


class StreamRestore:
    """Restores a text that arrives in pieces, to what ``restore_text`` makes of the whole.

    Held back is only what may be the beginning of a token that is among the values, so other text is out at once.
    """

    def __init__(self, values: Values, escape: Escape = as_it_is) -> None:
        self._values = {token: value for token, value in values.items() if value is not None}
        self._escape = escape
        shorts = [squeezed(token) for token in self._values]
        self._begun = {short[:length] for short in shorts for length in range(1, len(short))}
        self._longest = max(map(len, self._begun), default=0)
        #: So many characters hold every beginning, with all its gaps.
        self._reach = self._longest * (MAX_GAP + 1)
        self._held = ""

    @property
    def held(self) -> int:
        """How many characters wait for what follows."""
        return len(self._held)

    def feed(self, chunk: str) -> str:
        """Return what is certain by now."""
        if not self._values:
            return chunk
        text = self._held + chunk
        spans = [span for span, _ in _live(find(text), self._values)]
        cut = self._cut(text, spans)
        self._held = text[cut:]
        return restore_text(text[:cut], self._values, self._escape) if spans else text[:cut]

    def end(self) -> str:
        """Return what was held: the stream has ended inside of a token."""
        rest, self._held = self._held, ""
        return rest

    def _cut(self, text: str, spans: Collection[TokenSpan]) -> int:
        """Return where the first beginning is that a token does not cover; the length where there is none."""
        for start in self._beginnings(text):
            if not any(span.start <= start < span.end for span in spans):
                return start
        return len(text)

    def _beginnings(self, text: str) -> Iterator[int]:
        offset = max(0, len(text) - self._reach)
        tail = text[offset:]
        short = squeezed(tail)
        lengths = [n for n in range(min(len(short), self._longest), 0, -1) if short[-n:] in self._begun]
        places = [*significant(tail), len(tail)] if lengths else []
        for length in lengths:
            if is_close(places[-length - 1 :]):
                yield offset + places[-length - 1]


def _live(spans: Iterable[TokenSpan], values: Values) -> Iterator[tuple[TokenSpan, str]]:
    for span in spans:
        value = values.get(span.token)
        if value is not None:
            yield span, value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from _texts(one)
