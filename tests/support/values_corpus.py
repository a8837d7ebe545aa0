"""JSON texts for every door, hand-picked and generated, with the verdict of a second, simple reading of the rules."""

import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

GENERATED = 10_000
#: Documents have a limit of their own for the whole, so that texts are either far below or over all limits.
MAX_DEPTH, SHALLOW, TOO_DEEP = 90, 40, 101
REFUSED = object()

_NUMBERS = (
    *("0", "-0", "7", "-1.5", "1e3", "1E-5", "0.1", "-0.0", "123456789012345678", "5e-324", "1.7976931348623157e308"),
    *("9007199254740993", "9223372036854775807", "-9223372036854775808", "1234567890123456789", "1e19", "1e22"),
    *("0.1234567890123456789012345", "123456789012345678901.5", "1e-400"),
)
_BAD_NUMBERS = (
    *("9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616", "1" + "0" * 30),
    *("9" * 400, "1e400", "-1e999", "NaN", "Infinity", "-Infinity", "nan", "01", "+1", "1_0", "１", ".5", "1.", "0x1f"),
)
_TEXTS = (
    *(
        '""',
        '"a"',
        '"no"',
        '"010"',
        '"1_0"',
        '"größe"',
        '"\\u00e9"',
        '"\\n\\t\\""',
        '"\\\\u0000"',
        '"\\\\"',
        '"a\\u0022:"',
    ),
    *(
        '"12345678901234567890"',
        '"[[[[{"',
        '"\\u007f"',
        '"\\u2028"',
        '"\U0001f600"',
        '"\\ud83d\\ude00"',
        '"\\u0020\\":"',
    ),
    *('"true"', '"null"', '"2024-01-01"', '"~"', '"%20"', '"a b"', '"\\u0001"', '"\ufffe"'),
)
_BAD_TEXTS = (
    '"\\u0000"',
    '"admin\\u0000guest"',
    '"\\\\\\u0000"',
    '"\\ud800"',
    '"x\\udc00"',
    '"\\x41"',
    "'a'",
    '"\x01"',
)
_PLAIN = ("null", "true", "false", "[]", "{}", "[null]")
_NAMES = ("a", "b", "key", "\\u0061", "größe", "no", "1", "", "a b", "a\\u0022", ":", "<<", "\\\\")
_BAD_NAMES = ("k\\u0000", "\\ud800")


@dataclass(frozen=True)
class Sample:
    """A JSON text, and the value that every door must hand on; ``REFUSED`` if none may take it."""

    text: str
    value: Any

    @property
    def is_good(self) -> bool:
        return self.value is not REFUSED


@cache
def corpus() -> tuple[Sample, ...]:
    """Return the same samples in every process."""
    texts = dict.fromkeys(_picked())
    rng, most = random.Random(20261128), len(texts) + GENERATED
    while len(texts) < most:
        texts[_generated(rng)] = None
    return tuple(Sample(text, expected(text)) for text in texts)


def expected(text: str) -> Any:
    """Return a text's value by the rules, read without any code of the product."""
    try:
        value = json.loads(text, object_pairs_hook=_unique)
        return value if _allowed(value, MAX_DEPTH) else REFUSED
    except (ValueError, RecursionError):
        return REFUSED


def same(found: Any, value: Any) -> bool:
    """Return whether two values are one, to the type of each number."""
    if type(found) is not type(value):
        return False
    if isinstance(value, dict):
        return found.keys() == value.keys() and all(same(found[key], value[key]) for key in value)
    if isinstance(value, list):
        return len(found) == len(value) and all(map(same, found, value))
    return bool(found == value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError(pairs)
    return dict(pairs)


def _allowed(value: Any, depth: int) -> bool:
    if isinstance(value, str):
        return not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value)
    if isinstance(value, list):
        return depth > 0 and all(_allowed(one, depth - 1) for one in value)
    if isinstance(value, dict):
        return depth > 0 and all(_allowed(key, 0) and _allowed(one, depth - 1) for key, one in value.items())
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def _picked() -> Iterator[str]:
    for one in (*_NUMBERS, *_BAD_NUMBERS, *_TEXTS, *_BAD_TEXTS, *_PLAIN):
        yield one
        yield f"[{one}]"
        yield f'{{"a": {{"b": [{one}, 1]}}}}'
    for name in (*_NAMES, *_BAD_NAMES):
        yield f'{{"{name}": 1}}'
        yield f'[{{"{name}": 1, "z": {{"{name}": 2}}}}]'
        yield f'[{{"{name}": 1, "{name}": 2}}]'
    yield '{"a": 1, "\\u0061": 2}'
    yield '{"\\u0022": "\\u0022", "a": "\\u0022", "a": 2}'
    for levels in (SHALLOW, TOO_DEEP, 300, 2_000):
        yield "[" * levels + "]" * levels
        yield '{"a":' * levels + "1" + "}" * levels
    yield from ("[1,]", "{", "[1 2]", '{"a" 1}', "{1: 2}", "// 1", "[1]]", '{"a": 1,}')


def _generated(rng: random.Random) -> str:
    return _value(rng, rng.choice((1, 2, 2, 3)), 0.04 if rng.random() < 0.5 else 0.0)


def _value(rng: random.Random, depth: int, bad: float) -> str:
    if depth == 0 or rng.random() < 0.15:
        return _scalar(rng, bad)
    inside = [_value(rng, depth - 1, bad) for _ in range(rng.randrange(1, 5))]
    space = rng.choice(("", " ", "\n ", "\t"))
    if rng.random() < 0.5:
        return "[" + f",{space}".join(inside) + "]"
    names = rng.sample(_NAMES, len(inside))
    if rng.random() < bad:
        names[-1] = rng.choice((names[0], *_BAD_NAMES))
    return (
        "{" + f",{space}".join(f'"{name}"{space}:{space}{one}' for name, one in zip(names, inside, strict=True)) + "}"
    )


def _scalar(rng: random.Random, bad: float) -> str:
    if rng.random() < bad:
        return rng.choice(rng.choice((_BAD_NUMBERS, _BAD_TEXTS)))
    kind = rng.randrange(6)
    if kind == 0:
        return str(rng.randrange(-(2**63), 2**63) >> rng.randrange(64))
    if kind == 1:
        return repr(rng.uniform(-1, 1) * 10.0 ** rng.randrange(-300, 300))
    if kind == 2:
        text = "".join(chr(rng.choice((rng.randrange(1, 0x250), rng.randrange(0xE000, 0x11000)))) for _ in range(4))
        return json.dumps(text, ensure_ascii=rng.random() < 0.5)
    return rng.choice(rng.choice((_NUMBERS, _TEXTS, _PLAIN)))
