"""An organisation's own rules of detectors, as its policy document has them.

Patterns are RE2's, which has no backtracking, so no text makes one slow; long counted repeats still cost memory and
time in every text, and are refused.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from schemas.privacy.kinds import KINDS, data_class_of

#: Rules of one organisation. They are one set of RE2, which reads every text once more.
MAX_CUSTOM_RULES: Final = 100
MAX_PATTERN: Final = 500
#: Instructions that RE2 makes of one pattern, and of all. Most have under 200; each ``\p{L}`` has 1,200.
MAX_PROGRAM: Final = 10_000
MAX_PROGRAMS: Final = 50_000
#: A counted repeat multiplies the states in which RE2 may be: ``{2,80}`` took 40 to 100 ms for 10 KB.
MAX_REPEAT: Final = 32
_REPEAT: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(\d+)(?:,(\d*))?\}", re.DOTALL)
MAX_NEAR: Final = 50
_MEMORY: Final = 1 << 20
#: Texts of which a pattern that finds them whole would find something in nearly every word.
_TRIFLES: Final = ("a", "A", "0", " ", "-", "aa", "é")


class CustomRule(BaseModel):
    r"""One rule: what has ``pattern`` (RE2: https://github.com/google/re2/wiki/Syntax) is of ``kind``.

    ``group`` is the part of the pattern that is the value; 0 is all of it. ``near`` are words, one of which must stand
    near the value or in the key above it: lower case, a prefix when it ends with ``*``. ``kind`` is one of
    ``schemas.privacy.kinds`` or a word of the organisation's own, whose ``data_class`` is then ``pii`` if it is not
    given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_./-]{0,99}$")]
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    pattern: Annotated[str, Field(min_length=1, max_length=MAX_PATTERN)]
    data_class: Annotated[str, Field(pattern=r"^(?:[a-z][a-z0-9_-]{0,39})?$")] = ""
    confidence: Annotated[float, Field(gt=0, le=1)] = 0.8
    group: Annotated[int, Field(ge=0, le=20)] = 0
    near: tuple[Annotated[str, Field(min_length=2, max_length=60)], ...] = Field((), max_length=MAX_NEAR, strict=False)

    @field_validator("near")
    @classmethod
    def _words(cls, near: tuple[str, ...]) -> tuple[str, ...]:
        for word in near:
            if word != word.lower() or word != word.strip() or "*" in word[:-1] or not word[0].isalnum():
                raise ValueError(
                    f"`near` has {word!r}: write it in lower case, with a letter or digit first and `*` at its end only"
                )
        return near

    @model_validator(mode="after")
    def _searchable(self) -> Self:
        fault = fault_of(self.pattern, self.group)
        if fault:
            raise ValueError(f"`pattern` {fault}")
        if self.kind in KINDS and self.data_class not in {"", data_class_of(self.kind)}:
            raise ValueError(
                f"kind {self.kind} is of class {data_class_of(self.kind)}: leave `data_class` out, or name another kind"
            )
        return self

    @property
    def of_class(self) -> str:
        """The data class of what it finds."""
        return self.data_class or data_class_of(self.kind)


def fault_of(pattern: str, group: int = 0) -> str:
    """Return why a pattern is refused and how to fix it; nothing for one that is good."""
    try:
        compiled = _compiled(pattern)
    except ValueError as exc:
        return f"is not in the syntax of RE2 ({exc}); lookaround and backreferences do not exist there"
    if group > compiled.groups:
        return f"has {compiled.groups} groups, so `group` may be at most {compiled.groups}"
    if (repeats := _longest_repeat(pattern)) > MAX_REPEAT:
        return f"repeats something {repeats} times, and at most {MAX_REPEAT} are searched for: use `+` or `*` there"
    if (size := _size(compiled)) > MAX_PROGRAM:
        return f"is too large ({size} instructions of {MAX_PROGRAM}): shorten its counted repeats and its classes"
    if compiled.search(""):
        return "matches the empty text: use `+` in place of `*`, or name what must be there"
    if any(compiled.fullmatch(one) for one in _TRIFLES):
        return "matches single letters or digits, which are in every text: make it longer"
    return ""


def check_together(rules: Sequence[CustomRule]) -> str:
    """Return what is wrong about an organisation's rules as a whole; nothing if they are good."""
    ids = [rule.id for rule in rules]
    if len(ids) > MAX_CUSTOM_RULES:
        return f"{len(ids)} rules, and at most {MAX_CUSTOM_RULES} are searched for: put patterns together with `|`"
    twice = sorted({one for one in ids if ids.count(one) > 1})
    if twice:
        return f"two rules have the id {twice[0]!r}: give each its own"
    size = sum(_size(_compiled(rule.pattern)) for rule in rules)
    if size > MAX_PROGRAMS:
        return f"the patterns are too large together ({size} instructions of {MAX_PROGRAMS}): shorten the largest"
    return ""


def _size(compiled: Any) -> int:
    return max(int(compiled.programsize), int(compiled.reverseprogramsize))


def _longest_repeat(pattern: str) -> int:
    """Return the largest number in counted repeats; those in classes and behind backslashes are no repeats."""
    numbers = [int(one) for found in _REPEAT.finditer(pattern) for one in found.groups() if one]
    return max(numbers, default=0)


def _compiled(pattern: str) -> Any:
    """Return a pattern as RE2 reads it. Raises ``ValueError``."""
    import re2

    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    try:
        return re2.compile(pattern, options=options)
    except re2.error as exc:
        said = exc.args[0] if exc.args else "refused"
        raise ValueError(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)) from exc
