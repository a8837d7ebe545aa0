"""What tables show of a document: columns with a title and where the value is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]
Show = Callable[[Any], str]


def text(value: Any) -> str:
    """Return a value as a cell: lists with commas, pairs as key=value, none as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ",".join(f"{key}={text(one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return ",".join(map(text, value))
    return str(value)


@dataclass(frozen=True)
class Column:
    """A column. ``path`` leads to the value, with dots; ``wide`` ones are left out of ``-o table``."""

    title: str
    path: str
    show: Show = text
    wide: bool = False
    right: bool = False

    def cell(self, document: Document) -> str:
        """Return what one row shows."""
        value: Any = document
        for part in self.path.split(".") if self.path else ():
            value = value.get(part) if isinstance(value, Mapping) else None
        return printable(self.show(value))


def shown(columns: Sequence[Column], *, wide: bool) -> list[Column]:
    """Return the columns of a format."""
    return [column for column in columns if wide or not column.wide]


def printable(cell: str) -> str:
    """Return text with everything that cannot be printed written as an escape, so that it cannot control a terminal."""
    if cell.isprintable():
        return cell
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cell)
