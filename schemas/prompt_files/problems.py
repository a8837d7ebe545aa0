"""The error of a prompt file, and what an import or an export could not express."""

from dataclasses import dataclass
from typing import Any

from schemas.errors import InvalidSpec, Problem


@dataclass(frozen=True, slots=True)
class Note:
    """A thing of a file that was changed, or that has no effect. ``subject`` names it as the file does."""

    subject: str
    message: str
    fix: str = ""

    def __str__(self) -> str:
        text = f"{self.subject}: {self.message}"
        return f"{text}; {self.fix}" if self.fix else text


def dropped(*subjects: str) -> list[Note]:
    """Return the notes of things of a file that mean nothing here."""
    return [Note(subject, "has no counterpart here", "it is dropped") for subject in subjects]


def not_exported(*subjects: str) -> list[Note]:
    """Return the notes of things of a prompt that another format cannot say."""
    return [Note(subject, "has no counterpart there", "it is not exported") for subject in subjects]


def mapping_of(value: object, path: str) -> dict[str, Any]:
    """Return a field that is a mapping; one that is not there is empty. Raises ``InvalidSpec``."""
    if value is not None and not isinstance(value, dict):
        raise invalid(path, "is no mapping", "write names and values below it")
    return dict(value or {})


def list_of(value: object, path: str) -> list[Any]:
    """Return a field that is a list; one that is not there is empty. Raises ``InvalidSpec``."""
    if value is not None and not isinstance(value, list):
        raise invalid(path, "is no list", "write its items as a list")
    return list(value or [])


def invalid(path: str, message: str, fix: str) -> InvalidSpec:
    """Return the error of a file; ``path`` is the field, or empty for the whole."""
    return InvalidSpec((Problem(path, message, fix),))
