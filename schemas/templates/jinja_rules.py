"""The subset of Jinja that templates may use, checked before anything runs.

It also keeps the library alive: a long chain of operators, or of ``elif``, overflows its stack and ends the process.

The library counts steps and texts, but no lists: ``[0] * 10**8`` takes it half a minute, and a list that is put into
itself twice a line is too long to print. So there are conditions, loops over given lists, and filters from a list;
nothing is called, assigned, included or multiplied.
"""

import re
from collections.abc import Iterator
from itertools import islice

from schemas.templates.errors import TemplateError
from schemas.templates.source import Source

STATEMENTS = frozenset({"if", "elif", "else", "endif", "for", "endfor", "raw", "endraw"})
FILTERS = frozenset(
    {"abs", "bool", "capitalize", "count", "d", "default", "dictsort", "first", "float", "indent", "int", "items"}
    | {"join", "last", "length", "list", "lower", "lstrip", "map", "max", "min", "reject", "rejectattr", "replace"}
    | {"reverse", "round", "rstrip", "safe", "select", "selectattr", "sort", "string", "strip", "sum", "title"}
    | {"tojson", "trim", "truncate", "unique", "upper"}
)
#: Words and signs between two tags, and `elif`s of a template: a tenth of what overflows a stack of 1 MiB.
MAX_TOKENS, MAX_ELIFS = 250, 50
#: Words before a parenthesis that groups, and does not call.
_OPERATORS = frozenset({"and", "or", "not", "in", "if", "else", "elif", "is"})
_REFUSED = {
    "*": ("values are not multiplied", "give the product as a value"),
    "**": ("values are not multiplied", "give the product as a value"),
    # Without them two closing braces always end a tag, here and in the library.
    "{": ("there are no objects", "give the object as a value"),
    "'": ("the text is not closed", "close it with '"),
    '"': ("the text is not closed", 'close it with "'),
}
_BLOCK = re.compile(r"\{([{%#])[-+]?")
_RAW = re.compile(r"\s*raw\s*[-+]?%\}")
_END_RAW = re.compile(r"\{%[-+]?\s*endraw\s*[-+]?%\}")
_TOKEN = re.compile(
    r"""\s*(?:(?P<end>[-+]?[}%]\})|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<name>[^\W\d]\w*)"""
    r"""|(?P<number>[0-9][0-9_.eE]*)|(?P<sign>\*\*|//|==|!=|<=|>=|[^\s]))""",
    re.DOTALL,
)


def refused(source: Source) -> Iterator[TemplateError]:
    """Yield an error for each construct that is not allowed. The library checks the syntax."""
    text, at, elifs = source.text, 0, 0
    while (match := _BLOCK.search(text, at)) is not None:
        at = match.end()
        if match[1] == "#":
            at = _after(text.find("#}", at), 2, text)
        elif match[1] == "%" and (raw := _RAW.match(text, at)) is not None:
            ends = _END_RAW.search(text, raw.end())
            at = ends.end() if ends is not None else len(text)
        else:
            tokens = list(islice(_tokens(text, at), MAX_TOKENS + 1))
            at = tokens[-1][2] if tokens else at
            yield from _of_block(source, match.start(), match[1] == "%", tokens)
            if len(tokens) > MAX_TOKENS:
                said = f"a tag has more than {MAX_TOKENS} words and signs"
                yield source.error(match.start(), said, "compute the value before, in a function")
                return
            elifs += bool(tokens) and tokens[0][1] == "elif"
            if elifs > MAX_ELIFS:
                yield source.error(match.start(), f"there are more than {MAX_ELIFS} elif", "loop over a list")
                return


def _after(found: int, width: int, text: str) -> int:
    return found + width if found >= 0 else len(text)


#: A text that is not closed begins with one; nothing after it can be read.
_QUOTES = ("'", '"')
_Token = tuple[str, str, int]
"""A token's sort, its text, and where it ends."""


def _tokens(text: str, at: int) -> Iterator[_Token]:
    while (match := _TOKEN.match(text, at)) is not None:
        sort, at = match.lastgroup or "", match.end()
        word = match[sort]
        yield sort, word, at
        if sort == "end" or word in _QUOTES:
            return


def _of_block(source: Source, start: int, is_statement: bool, tokens: list[_Token]) -> Iterator[TemplateError]:
    wrong_end = "}}" if is_statement else "%}"
    if tokens and tokens[-1][0] == "end" and tokens[-1][1].endswith(wrong_end):
        yield source.error(tokens[-1][2] - 2, f"{wrong_end} does not close this tag", "write {{ x }} or {% if x %}")
    if is_statement and tokens and tokens[0][1] not in STATEMENTS:
        fix = f"the statements are {', '.join(sorted(STATEMENTS))}"
        yield source.error(start, f"the statement '{tokens[0][1]}' is not allowed", fix)
    for n, (sort, word, end) in enumerate(tokens):
        before = [each[1] for each in tokens[max(0, n - 3) : n]]
        if problem := _problem(sort, word, before, tokens[n - 1][0] if n else ""):
            yield source.error(end - len(word), *problem)


def _problem(sort: str, word: str, before: list[str], before_sort: str) -> tuple[str, str] | None:
    """Return the message and fix of a word that is not allowed where it is."""
    previous = before[-1] if before else ""
    if sort == "sign" and word in _REFUSED:
        return _REFUSED[word]
    if sort == "name" and previous == "|" and word not in FILTERS:
        return f"the filter '{word}' is not allowed", f"the filters are {', '.join(sorted(FILTERS))}"
    if word != "(" or sort != "sign":
        return None
    is_called = before_sort == "text" or previous in (")", "]", "}")
    if before_sort == "name" and previous not in _OPERATORS:
        # A filter or a test has its name behind one of these.
        is_called = before[-2:-1] not in (["|"], ["is"]) and before[-3:-1] != ["is", "not"]
    return ("nothing is called", "write a filter: {{ x|upper }}") if is_called else None
