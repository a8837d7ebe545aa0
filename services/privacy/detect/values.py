"""The texts of a JSON value, each with its path and the keys above it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from schemas.payload import PathPart
from services.privacy.detect.errors import DetectorFailed
from services.privacy.detect.near import words_of_key

#: Shorter numbers have too few digits for anything that is searched for.
MIN_DIGITS = 7
_SAFE = 2.0**63
#: Over twice the longest number that is searched for.
_LONGEST_BITS = 128


@dataclass(frozen=True, slots=True)
class Limits:
    """What is searched at most; beyond it the search refuses. ``characters`` is of one text, and of all of a value."""

    characters: int = 4_000_000
    texts: int = 200_000
    depth: int = 100


LIMITS = Limits()


class Text(NamedTuple):
    """A text at a path. ``above`` are the words of the last two keys on the way; ``is_key`` for a key itself."""

    path: tuple[PathPart, ...]
    text: str
    above: str
    is_key: bool = False


def texts_of(value: Any, limits: Limits = LIMITS) -> Iterator[Text]:
    """Yield the texts, the keys and the numbers of ``MIN_DIGITS`` digits of a JSON value.

    Raises ``DetectorFailed`` beyond the limits, and for what is no JSON value.
    """
    left, characters = limits.texts, limits.characters
    stack: list[tuple[tuple[PathPart, ...], Any, tuple[str, ...]]] = [((), value, ())]
    while stack:
        path, one, keys = stack.pop()
        if len(path) > limits.depth:
            raise DetectorFailed("too_deep", f"the value has over {limits.depth} levels, which are not searched")
        for found in _texts_at(path, one, keys):
            left, characters = left - 1, characters - len(found.text)
            if left < 0 or characters < 0:
                raise too_large(limits)
            yield found
        if isinstance(one, dict):
            stack.extend(((*path, key), below, (*keys[-1:], key)) for key, below in reversed(one.items()))
        elif isinstance(one, list | tuple):
            stack.extend(((*path, index), one[index], keys) for index in range(len(one) - 1, -1, -1))


def too_large(limits: Limits) -> DetectorFailed:
    """Return the error of what is over the limits."""
    message = (
        f"over {limits.characters} characters or {limits.texts} texts, which are not searched: send less, or parts"
    )
    return DetectorFailed("too_large", message)


def _texts_at(path: tuple[PathPart, ...], one: Any, keys: tuple[str, ...]) -> Iterator[Text]:
    if isinstance(one, str):
        if one:
            yield Text(path, one, _above(keys))
    elif isinstance(one, dict):
        for key in one:
            if not isinstance(key, str):
                raise DetectorFailed("failed", f"a key of type {type(key).__name__} is no JSON and is not searched")
            if key:
                yield Text((*path, key), key, "", is_key=True)
    elif isinstance(one, bool) or one is None or isinstance(one, list | tuple):
        return
    elif isinstance(one, int | float):
        digits = _digits(one)
        if len(digits) >= MIN_DIGITS:
            yield Text(path, digits, _above(keys))
    else:
        raise DetectorFailed("failed", f"a value of type {type(one).__name__} is no JSON and is not searched")


def _above(keys: tuple[str, ...]) -> str:
    return " ".join(words_of_key(key) for key in keys)


def _digits(number: Any) -> str:
    """Return a number as its text in JSON, a whole one without the point; nothing for one that has no such digits."""
    if isinstance(number, float):
        return str(int(number)) if number.is_integer() and abs(number) < _SAFE else ""
    # Python refuses to write very long integers; one of them is nothing that is searched for.
    return str(number) if number.bit_length() <= _LONGEST_BITS else ""
