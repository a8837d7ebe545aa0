"""Records that no sender should produce: valid ones, broken in one of many ways, each certainly unusable.

A case takes a fresh valid message and a source of chance, and returns the broken message. A case varies each time, so a
thousand of them are a thousand different records.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Any

from schemas.errors import AgentFlowError
from tests.support.topics import Message, at_the_limit

Doc = dict[str, Any]
Case = Callable[[Message, Random], Message]


class NotBrokenError(AgentFlowError):
    """A case left a message as it was."""


def cases_for(keyed: bool, fields: Mapping[str, tuple[Any, ...]], nest_in: tuple[str, ...]) -> dict[str, Case]:
    """Return the cases for a topic of JSON records by name.

    ``fields`` are fields that must be there, each with values that are wrong for it; ``nest_in`` is the path to an
    object whose values are free, where deep nesting is put. ``keyed`` says that a record's key must be its own.
    """
    cases: dict[str, Case] = {
        "bad json": _bad_json,
        "truncated": _truncated,
        "empty": lambda m, _: replace(m, value=b""),
        "tombstone": lambda m, _: replace(m, value=None),
        "invalid utf-8": _invalid_utf8,
        "byte order mark": lambda m, _: replace(m, value=b"\xef\xbb\xbf" + _value(m)),
        "lone surrogate": lambda m, r: _raw(m, nest_in, f'"\\ud8{r.randrange(256):02x}"'),
        "not a number": lambda m, r: _raw(m, nest_in, r.choice(["NaN", "Infinity", "-Infinity", "nan", "1e", "0x1F"])),
        "deep": lambda m, r: _raw(m, nest_in, _nested(r.choice([101, 150, 254, 300, 1_500, 50_000]))),
        "no object": lambda m, r: replace(
            m, value=r.choice([b"null", b"true", b"[]", b"[{}]", b'"text"', b"42", b"{}"])
        ),
        "huge number": lambda m, r: _changed(m, {r.choice(_numbers(fields)): 10 ** r.choice([20, 40, 300, 4_000])}),
        "wrong type": lambda m, r: _wrong_type(m, fields, r),
        "missing field": lambda m, r: _without(m, r.choice(sorted(fields))),
        "unknown type": lambda m, r: _changed(m, {"type": r.choice(["", "run.started", "unknown", "☃", 7, None])}),
        "at the size limit": lambda m, r: at_the_limit(_changed(m, {"type": r.choice(["~pad~", "~pad~ "])}), b"~pad~"),
        "garbage at the size limit": lambda m, _: at_the_limit(replace(m, value=b"#pad#"), b"#pad#"),
    }
    if keyed:
        cases |= {
            "missing key": lambda m, _: replace(m, key=None),
            "wrong key": lambda m, r: replace(
                m, key=r.choice([b"", b"\xff\xfe", (m.key or b"") + b" ", (m.key or b"")[1:]])
            ),
            "bad version": lambda m, r: _changed(
                m, {"v": r.choice(["0.9", "one", "", "v1", "-1.0", 2, None, ["1.0"]])}
            ),
        }
    return cases


#: About a megabyte each, so only a few.
LARGE = frozenset({"at the size limit", "garbage at the size limit"})


def broken(valid: Message, case: Case, random: Random) -> Message:
    """Return a message that a case broke. Raises ``NotBrokenError`` when it did nothing."""
    found = case(valid, random)
    if (found.key, found.value, found.headers) == (valid.key, valid.value, valid.headers):
        raise NotBrokenError(f"a case left {valid.value!r} as it was")
    return found


def _value(message: Message) -> bytes:
    assert message.value is not None
    return message.value


def _changed(message: Message, changes: Doc) -> Message:
    return replace(message, value=json.dumps(json.loads(_value(message)) | changes).encode())


def _without(message: Message, field: str) -> Message:
    document: Doc = json.loads(_value(message))
    del document[field]
    return replace(message, value=json.dumps(document).encode())


def _wrong_type(message: Message, fields: Mapping[str, tuple[Any, ...]], random: Random) -> Message:
    field = random.choice(sorted(fields))
    return _changed(message, {field: random.choice(fields[field])})


def _numbers(fields: Mapping[str, tuple[Any, ...]]) -> list[str]:
    return sorted(name for name, wrong in fields.items() if "not a number" in wrong)


def _bad_json(message: Message, random: Random) -> Message:
    value = _value(message)
    at = random.choice([i for i, byte in enumerate(value) if byte == ord(":")])
    choices = (
        value + b"}",
        value[:-1] + b",}",
        value.replace(b'"', b"'"),
        value[: value.index(b":")] + b"=" + value[value.index(b":") + 1 :],
        b"// comment\n" + value,
        value + value,
        value[:1] + b"\x00" + value[1:],
        value[: at + 1] + b"\x01" + value[at + 1 :],
    )
    return replace(message, value=random.choice(choices))


def _truncated(message: Message, random: Random) -> Message:
    value = _value(message)
    return replace(message, value=value[: random.randrange(1, len(value))])


def _invalid_utf8(message: Message, random: Random) -> Message:
    value = _value(message)
    at = random.randrange(1, len(value))
    return replace(
        message, value=value[:at] + random.choice([b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\x80"]) + value[at:]
    )


def _raw(message: Message, path: tuple[str, ...], text: str) -> Message:
    """Put a text that ``json.dumps`` would never write at ``path`` and a new name."""
    document: Doc = json.loads(_value(message))
    here = document
    for part in path:
        here = here[part]
    here["broken"] = "@here@"
    return replace(message, value=json.dumps(document).replace('"@here@"', text).encode())


def _nested(levels: int) -> str:
    return '{"a":' * (levels // 2) + "[" * (levels - levels // 2) + "]" * (levels - levels // 2) + "}" * (levels // 2)
