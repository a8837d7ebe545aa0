"""Plain scalars of YAML as the core schema of YAML 1.2 reads them, which agrees with JSON.

PyYAML reads YAML 1.1, where ``no`` is false, ``010`` is 8, ``1:30`` is 90, ``1_000`` is 1000 and ``1e3`` a text. Here
``no``, ``1:30`` and ``1_000`` are texts, ``010`` is 10, ``0o10`` is 8 and ``1e3`` is 1000.0. Dates are texts.
"""

import re
from typing import Any

import yaml

_PREFIX = "tag:yaml.org,2002:"
#: Tag, pattern, and the characters that such a scalar may begin with.
_SCALARS = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
)


def read_as_core_schema(loader: Any) -> None:
    """Let a loader's class read plain scalars by the core schema."""
    resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for name, pattern, firsts in _SCALARS:
        for first in firsts:
            resolvers.setdefault(first, []).append((_PREFIX + name, re.compile(f"(?:{pattern})\\Z")))
    loader.yaml_implicit_resolvers = resolvers
    loader.add_constructor(f"{_PREFIX}int", _integer)
    loader.add_constructor(f"{_PREFIX}float", _float)


def _integer(loader: yaml.constructor.SafeConstructor, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    base = {"0o": 8, "0x": 16}.get(text[:2])
    if "_" in text:
        raise ValueError(f"{text[:40]!r} is not an integer; write it without underscores")
    return int(text, 10) if base is None else int(text[2:], base)


def _float(loader: yaml.constructor.SafeConstructor, node: yaml.ScalarNode) -> float:
    text = str(loader.construct_scalar(node)).lower()
    if "_" in text:
        raise ValueError(f"{text[:40]!r} is not a number; write it without underscores")
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))
