"""Tokens of one tag of the ``agentflow`` dialect, read one after the other."""

import json
import re
from typing import Literal, NoReturn

from schemas.records.base import Json
from schemas.templates.expressions import Path
from schemas.templates.source import Source
from schemas.values.lookalikes import bad_braces

Sort = Literal["end", "text", "number", "path", "sign", "wrong"]
#: A name with its path. Keys may have all characters but those of the language.
_PATH = r"""\.?[A-Za-z_][A-Za-z0-9_-]*(?:\.[^\s.{}|()",=\[\]]+)*"""
#: A tag that is a name and nothing else, as nearly all are.
PLAIN = re.compile(rf"\{{\{{\s*({_PATH})\s*\}}\}}")
#: One token: a text, a number, a path, or a sign.
_TOKEN = re.compile(
    r"""\s*(?:(?P<end>\}\})|(?P<text>"(?:[^"\\\x00-\x1f]|\\.)*")|(?P<number>-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?(?![\w.]))"""
    rf"""|(?P<path>{_PATH}|\.(?![^\s}}|]))|(?P<sign>[|(),=]))"""
)
_WORDS: dict[str, Json] = {"true": True, "false": False, "null": None}
_SPACE = re.compile(r"\s*")
ESCAPE = 'two braces that are text are written {{"{{"}}'


class Cursor:
    """The tokens of the tag that begins at ``start``: ``sort`` and ``token`` are the next one, at ``at``."""

    def __init__(self, source: Source, start: int, at: int) -> None:
        self._source, self._text, self.start, self._end = source, source.text, start, at
        self._is_value = not self._text[start + 2 : at].strip()
        self.sort: Sort = "wrong"
        self.token = ""
        self.at = at
        self.advance()

    def advance(self) -> None:
        """Go to the next token."""
        match = _TOKEN.match(self._text, self._end)
        if match is None:
            space = _SPACE.match(self._text, self._end)
            self.at = space.end() if space is not None else self._end
            self.sort, self.token = "wrong", self._text[self.at : self.at + 1]
            return
        self.sort = match.lastgroup  # type: ignore[assignment]  # the names of the groups are the sorts
        self.token, self._end = match[match.lastgroup or 0], match.end()
        self.at = self._end - len(self.token)

    @property
    def position(self) -> tuple[int, int]:
        """The line and column of the tag."""
        return self._source.position(self.start)

    def take_sign(self, sign: str) -> bool:
        """Go past a sign if it is next."""
        found = self.sort == "sign" and self.token == sign
        if found:
            self.advance()
        return found

    def take_end(self) -> int:
        """Return where the tag ends. Raises ``TemplateError`` if anything else is next."""
        if self.sort != "end":
            self.fail_here()
        return self._end

    def take_path(self) -> Path:
        """Return the name with its path that is next. Raises ``TemplateError`` if there is none."""
        if self.sort != "path":
            self.fail_here()
        path = path_of(self.token)
        self.advance()
        return path

    def take_literal(self) -> Json:
        """Return the literal that is next. Raises ``TemplateError`` if there is none."""
        if self.sort == "path" and self.token in _WORDS:
            value = _WORDS[self.token]
        elif self.sort == "text":
            value = self._string()
        elif self.sort == "number":
            value = json.loads(self.token)
        else:
            self.fail("a text, a number, true, false or null is missing here", 'write a text in double quotes: "x"')
        self.advance()
        return value

    def is_literal(self) -> bool:
        """True if a literal is next."""
        return self.sort in ("text", "number") or (self.sort == "path" and self.token in _WORDS)

    def fail_here(self) -> NoReturn:
        """Raise the error of a token that has no place where it is. Its fix is the nearest right form."""
        if self.sort == "wrong" and self._is_open():
            self.fail("the tag is not closed", f"close it with }}}}; {ESCAPE}", self.start)
        found = next(iter(bad_braces(self._tag())), None) if self._is_value else None
        if found is None:
            shown = f"'{self.token}'" if self.sort != "end" else "the end of the tag"
            self.fail(f"{shown} has no place here", f"write a tag as {{{{name}}}}; {ESCAPE}")
        self.fail(found.message, f"write {found.nearest}; {ESCAPE}", self.start)

    def fail(self, message: str, fix: str, at: int | None = None) -> NoReturn:
        """Raise an error at the next token, or at another place."""
        raise self._source.error(self.at if at is None else at, message, fix)

    def _is_open(self) -> bool:
        return self.token in ("", "{") or self._text.find("}}", self.at) < 0

    def _tag(self) -> str:
        end = self._text.find("}}", self.start)
        return self._text[self.start : end + 2]

    def _string(self) -> str:
        try:
            return str(json.loads(self.token))
        except ValueError:
            self.fail(f"{self.token[:40]} is no text of JSON", r"write \\ for a backslash, \" for a double quote")


def path_of(dotted: str) -> Path:
    """Return the path that a text is; a dot before the name changes nothing."""
    name, *steps = dotted.removeprefix(".").split(".")
    return Path(name, tuple(steps))
