"""JSON values as YAML in block style, which every reader of YAML 1.1 and 1.2 reads as the same values."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./@-]*(?: [A-Za-z0-9_./@-]+)*")
_RESERVED = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def yaml_text(value: Mapping[str, Any]) -> str:
    """Return a mapping as YAML with a newline at its end."""
    return "\n".join(_lines(value, "")) + "\n"


def _lines(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _entry(f"{indent}{_scalar(str(key))}:", inner, indent)
    elif _is_list(value) and value:
        for inner in value:
            first, *others = _lines(inner, indent + "  ")
            yield f"{indent}- {first.removeprefix(indent + '  ')}"
            yield from others
    else:
        yield indent + _scalar(value)


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, str) and (block := _block(value, indent)):
        yield f"{head} {block[0]}"
        yield from block[1:]
    elif value and _is_list(value) and all(_is_short(each) for each in value):
        yield f"{head} [{', '.join(map(_scalar, value))}]"
    elif value and (isinstance(value, Mapping) or _is_list(value)):
        yield head
        yield from _lines(value, indent + "  ")
    else:
        yield f"{head} {_scalar(value)}"


def _block(text: str, indent: str) -> list[str]:
    """Return a text of several lines as a block, or nothing if a block would not keep each character."""
    if "\n" not in text or not text.replace("\n", "").isprintable() or not text.strip():
        return []
    lines = text.split("\n")
    # Of white space at the ends of lines people and editors take away too much.
    if text[0] in " \n" or text.endswith("\n\n") or any(line != line.rstrip() for line in lines):
        return []
    mark = "|" if text.endswith("\n") else "|-"
    body = lines[:-1] if text.endswith("\n") else lines
    return [mark, *(f"{indent}  {line}" if line else "" for line in body)]


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_short(value: Any) -> bool:
    return not isinstance(value, Mapping | list | tuple) and len(str(value)) <= 40


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) and value.lower() not in _RESERVED else _quoted(value)
    text = json.dumps(value)
    # YAML 1.1 reads an exponent without a dot as text.
    return text.replace("e", ".0e", 1) if isinstance(value, float) and "." not in text else text


def _quoted(text: str) -> str:
    written = json.dumps(text, ensure_ascii=False)
    return "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in written)
