"""Scorers that compare an output with the expected value: ``exact``, ``contains`` and ``regex``."""

from typing import Literal

from schemas.prompts.evaluations import Answered, Case
from schemas.records.base import Json
from services.prompts.evaluations.scorers.base import (
    Mark,
    Options,
    expected_of,
    json_of,
    part_of,
    text_of,
    texts_of,
)

MOST_PATTERN_CHARS = 1_000
#: Memory of one pattern's automata in bytes; over it RE2 matches more slowly, still in linear time.
_PATTERN_MEMORY = 8 << 20


class ExactOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``trim``: white space at both ends does not count. Both options are for texts."""

    ignore_case: bool = False
    trim: bool = False


class Exact:
    """1 where output and expected value are the same JSON. The output may be its text."""

    def __init__(self, options: ExactOptions) -> None:
        self._options = options

    async def __call__(self, case: Case, answer: Answered) -> Mark:
        expected = expected_of(case)
        found = part_of(answer.output, self._options.path)
        if isinstance(found, str) and not isinstance(expected, str):
            found = json_of(found)
        return Mark(score=float(same(self._plain(found), self._plain(expected))))

    def _plain(self, value: Json) -> Json:
        if not isinstance(value, str):
            return value
        value = value.strip() if self._options.trim else value
        return value.casefold() if self._options.ignore_case else value


class ContainsOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``values`` are looked for in place of what a case expects."""

    values: list[str] = []
    match: Literal["all", "any", "none"] = "all"
    ignore_case: bool = False


class Contains:
    """1 where the output has all, any or none of some texts."""

    def __init__(self, options: ContainsOptions) -> None:
        self._options = options

    async def __call__(self, case: Case, answer: Answered) -> Mark:
        options = self._options
        text = self._plain(text_of(part_of(answer.output, options.path)))
        wanted = options.values or texts_of(case)
        missing = [one for one in wanted if self._plain(one) not in text]
        if options.match == "all":
            return Mark(score=float(not missing), note=f"missing: {missing[0][:80]!r}" if missing else "")
        return Mark(score=float((len(missing) < len(wanted)) == (options.match == "any")))

    def _plain(self, text: str) -> str:
        return text.casefold() if self._options.ignore_case else text


class RegexOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``pattern`` is RE2's. ``whole``: it must match the whole text. ``absent``: it must not match."""

    pattern: str
    whole: bool = False
    ignore_case: bool = False
    absent: bool = False


class Regex:
    """1 where a pattern matches the output, in time linear in its length. The pattern is compiled once."""

    def __init__(self, options: RegexOptions) -> None:
        """Raises ``ValueError`` for a pattern that RE2 does not take."""
        # Every worker and API process knows the kinds of scorers; few ever make this one.
        import re2

        if len(options.pattern) > MOST_PATTERN_CHARS:
            raise ValueError(f"the pattern is longer than {MOST_PATTERN_CHARS} characters; make it shorter")
        self._options = options
        settings = re2.Options()
        settings.log_errors = False
        settings.max_mem = _PATTERN_MEMORY
        settings.case_sensitive = not options.ignore_case
        try:
            self._pattern = re2.compile(options.pattern, options=settings)
        except re2.error as exc:
            raise ValueError(f"the pattern is not one of RE2: {_message(exc)}; see its syntax page") from exc

    async def __call__(self, case: Case, answer: Answered) -> Mark:
        text = text_of(part_of(answer.output, self._options.path))
        match = self._pattern.fullmatch(text) if self._options.whole else self._pattern.search(text)
        return Mark(score=float((match is None) == self._options.absent))


def same(one: Json, other: Json) -> bool:
    """Return whether two values are the same JSON: 1 is 1.0, and neither is true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def _message(exc: Exception) -> str:
    said = exc.args[0] if exc.args else ""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)
