"""Texts: any Unicode but U+0000 and half surrogate pairs. Numbers in texts: ASCII decimals."""

import re

_BAD = re.compile("[\0\ud800-\udfff]")
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_DECIMAL = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")


def text_fault(text: str) -> str:
    """Return what a text has that none may have, ``""`` if there is nothing.

    CEL and PostgreSQL end a text at U+0000 or refuse it, and UTF-8 has no half surrogate pairs.
    """
    found = _BAD.search(text)
    if found is None:
        return ""
    return "the character U+0000" if found[0] == "\0" else f"half of a surrogate pair, U+{ord(found[0]):04X}"


def clean_text(text: str) -> str:
    """Return a text for a pydantic validator. Raises ``ValueError``."""
    if fault := text_fault(text):
        raise ValueError(f"must not have {fault}")
    return text


def ascii_integer(value: object) -> object:
    """Return ``value``; one that is text must be an ASCII integer, such as ``-12``. Raises ``ValueError``.

    For pydantic, which by itself reads ``1_0`` as 10, and spaces and plus signs.
    """
    if isinstance(value, str) and _INTEGER.fullmatch(value) is None:
        raise ValueError(f"{value[:40]!r} is not an integer; write it with the digits 0 to 9 only")
    return value


def ascii_decimal(value: object) -> object:
    """Return ``value``; one that is text must be an ASCII decimal, such as ``12.5``. Raises ``ValueError``."""
    if isinstance(value, str) and _DECIMAL.fullmatch(value) is None:
        raise ValueError(f"{value[:40]!r} is not a decimal number; write it with the digits 0 to 9 and one point")
    return value
