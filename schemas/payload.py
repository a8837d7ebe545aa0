"""Every input, output, request and response is a ``Payload``: inline, or a reference to stored bytes.

Both may carry ``labels``: JSON path (``$`` is the whole value) to the labels of the data there. They are omitted from
the record while empty.

An inline payload travels in the record. Over ``INLINE_LIMIT`` bytes of JSON the bytes are stored as an object, and the
record carries its address and hash.
"""

from typing import Annotated, Any, ClassVar

import msgspec

INLINE_LIMIT = 64 * 1024
"""Bytes of JSON up to which a payload travels inside its record."""

PathPart = str | int


class Inline(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="inline"):
    """A value that travels in the record: any JSON value."""

    kind: ClassVar[str] = "inline"

    value: Any
    labels: dict[str, list[str]] = {}


class Reference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="reference"):
    """Stored bytes: ``uri``, their SHA-256 and size in bytes, the media type and free tags.

    ``length`` is the number of items when the stored JSON is a list, so that a fold can map over it
    without reading it. ``decided`` is what else a fold decides by of bytes that it cannot read, as it was found when
    they were sealed, see ``schemas.privacy.sealed``.
    """

    kind: ClassVar[str] = "reference"

    uri: str
    sha256: str
    size: Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
    media_type: str = "application/json"
    length: Annotated[int, msgspec.Meta(ge=0, lt=2**53)] | None = None
    tags: dict[str, str] = {}
    labels: dict[str, list[str]] = {}
    decided: dict[str, bool | int | None] = {}


Payload = Inline | Reference


def inline(value: object) -> Inline:
    """Wrap a JSON value."""
    return Inline(value=value)


class MissingPath(LookupError):
    """A path does not exist in a value; the message names the first missing part."""


def walk(value: Any, path: list[PathPart]) -> Any:
    """Follow ``path`` into a JSON value. A number, or digits, index a list. Raises ``MissingPath``."""
    here = value
    for depth, part in enumerate(path):
        try:
            here = _step_into(here, part)
        except (KeyError, IndexError, ValueError) as exc:
            raise MissingPath(_missing(here, path, depth)) from exc
    return here


def _step_into(here: Any, part: PathPart) -> Any:
    if isinstance(here, list):
        return here[list_index(part)]
    if isinstance(here, dict):
        return here[str(part)]
    raise KeyError(part)


def list_index(part: PathPart) -> int:
    """Return a list index. Only digits are one: ``-1`` would silently be the last item.

    Raises ``KeyError`` or ``IndexError``.
    """
    if isinstance(part, str) and not (part.isascii() and part.isdigit()):
        raise KeyError(part)
    if int(part) < 0:
        raise IndexError(part)
    return int(part)


def _missing(here: object, path: list[PathPart], depth: int) -> str:
    where = ".".join(str(p) for p in path[: depth + 1])
    has = f"its keys are {sorted(here)[:10]}" if isinstance(here, dict) else f"it is a {type(here).__name__}"
    return f"'{where}' is not there ({has})"
