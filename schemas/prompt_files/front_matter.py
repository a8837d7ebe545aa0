"""Front matter: YAML between two lines of ``---`` at the beginning of a text, and the body after it."""

import re
from dataclasses import dataclass

from schemas.prompt_files.problems import invalid
from schemas.spec.text.read import Document, read_document

_FIELDS = "name, model and input"
_OPENING = re.compile(r"---[ \t]*\n")
#: In dotprompt's files comments and blank lines may stand before it, such as the header of a licence.
_COMMENTED = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*---[ \t]*\n")
_CLOSING = re.compile(r"^---[ \t]*(?:\n|\Z)", re.MULTILINE)
#: White space that a body may have around it. Other characters that Unicode calls space are text.
SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Parted:
    """A text in two. ``front`` is ``None`` without front matter; ``line`` is the first line of the body, from 1."""

    front: Document | None
    body: str
    line: int = 1


def part(text: str, *, comments: bool = False) -> Parted:
    """Return a file's front matter and body. Raises ``InvalidSpec``; lines in it are those of the file.

    With ``comments`` lines that begin with ``#`` may stand before it. A file whose lines end with CR and LF is read as
    if they ended with LF.
    """
    text = unix_lines(text.removeprefix("\ufeff"))
    opening = (_COMMENTED if comments else _OPENING).match(text)
    if opening is None:
        return Parted(None, text)
    closing = _CLOSING.search(text, opening.end())
    if closing is None:
        raise invalid("", "the front matter is not closed", "write a line of --- after it")
    yaml = text[opening.end() : closing.start()]
    lines = text[: opening.end()].count("\n")
    # Blank lines before it let errors name the lines of the file.
    front = read_document("\n" * lines + yaml, _FIELDS) if _has_values(yaml) else {}
    return Parted(front, text[closing.end() :], text[: closing.end()].count("\n") + 1)


def unix_lines(text: str) -> str:
    """Return a text with LF alone at the ends of lines, if its first line ends with CR and LF."""
    first = text.find("\n")
    return text.replace("\r\n", "\n") if first > 0 and text[first - 1] == "\r" else text


def _has_values(yaml: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in yaml.splitlines())
