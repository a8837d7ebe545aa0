"""The text of a template, and the lines of its characters."""

from bisect import bisect_right
from functools import cached_property
from itertools import accumulate

from schemas.templates.errors import TemplateError


class Source:
    """A template's text. Offsets count characters from 0; lines and columns count from 1."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(len(line) + 1 for line in self.text.split("\n")))

    def position(self, offset: int) -> tuple[int, int]:
        """Return the line and column of a character."""
        line = bisect_right(self._ends, offset)
        return line + 1, offset - (self._ends[line - 1] if line else 0) + 1

    def error(self, offset: int, message: str, fix: str) -> TemplateError:
        """Return the error at a character."""
        line, column = self.position(offset)
        return TemplateError(line, column, message, fix)

    def own_line(self, start: int, end: int) -> tuple[int, int] | None:
        """Return where the line begins and ends that holds a tag and white space; ``None`` if it holds more."""
        text, begin = self.text, start
        while begin and text[begin - 1] in " \t":
            begin -= 1
        if begin and text[begin - 1] != "\n":
            return None
        while text.startswith((" ", "\t"), end):
            end += 1
        if end == len(text) or text[end] == "\n":
            return begin, min(end + 1, len(text))
        return (begin, end + 2) if text.startswith("\r\n", end) else None
