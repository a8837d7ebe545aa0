"""The one error of a template: where it is, the reason, and the fix."""

from typing import Self

from schemas.errors import Rejected


class TemplateError(Rejected):
    """A template that is malformed, or that cannot be rendered with these values.

    ``line`` and ``column`` count from 1, in characters. ``part`` is the reference of the part that has the error, as
    written; it is empty for the template itself.
    """

    def __init__(self, line: int, column: int, message: str, fix: str, part: str = "") -> None:
        self.line, self.column, self.message, self.fix, self.part = line, column, message, fix, part
        inside = f"in the part '{part}', " if part else ""
        super().__init__(f"{inside}line {line}, column {column}: {message}; {fix}")

    def within(self, part: str) -> Self:
        """Return the same error of a template that includes this one as ``part``."""
        path = f"{part} > {self.part}" if self.part else part
        return type(self)(self.line, self.column, self.message, self.fix, path)
