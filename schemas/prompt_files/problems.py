"""The error of a prompt file, and what an import or an export could not express."""

from dataclasses import dataclass

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


def invalid(path: str, message: str, fix: str) -> InvalidSpec:
    """Return the error of a file; ``path`` is the field, or empty for the whole."""
    return InvalidSpec((Problem(path, message, fix),))
