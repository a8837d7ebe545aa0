"""The checks of guards. Each says what is wrong about a text, or nothing; what it raises lets nothing pass.

``reach`` is how many characters at the end of a text that continues may still change a verdict; ``None`` for one
that says nothing before the text is whole.
"""

import asyncio
import inspect
import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import re2

from schemas.policies.guards import GuardRule
from schemas.prompts.answers import read_answer
from schemas.values.strict_schemas import misfits

Scorer = Callable[[str, Sequence[str], Mapping[str, Any]], float | Awaitable[float]]
"""A function of ``agentflow.guards``: an answer, its sources and the guard's options; returns a score from 0 to 1."""
Ask = Callable[[GuardRule, str], Awaitable[str | None]]
"""Asks a model whether a text does what a guard demands; returns what is wrong, ``None`` if it does."""


@dataclass(frozen=True, slots=True)
class Told:
    """What checks may know: what the model had read, and how a judge is asked."""

    sources: Sequence[str] = ()
    ask: Ask | None = None


class Check(Protocol):
    """One guard."""

    @property
    def reach(self) -> int | None:
        """See the module."""
        ...

    async def fault(self, text: str, since: int, told: Told, *, whole: bool) -> str | None:
        """Return what is wrong about a text of which everything before ``since`` was found good before."""
        ...


class MaxLength:
    """At most so many characters."""

    reach: int | None = 0

    def __init__(self, rule: GuardRule) -> None:
        self._most = rule.chars or 0

    async def fault(self, text: str, since: int, told: Told, *, whole: bool) -> str | None:
        """Return that it is too long."""
        return f"it has over {self._most} characters" if len(text) > self._most else None


class BannedWords:
    """None of some words, found in linear time. The word is not named: the reader of the error may be its author."""

    def __init__(self, rule: GuardRule) -> None:
        self._words = rule.words
        # One more, since a letter that follows makes it another word.
        self.reach: int | None = max(map(len, rule.words)) + 1
        any_word = "|".join(re2.escape(word) for word in sorted(rule.words, key=len, reverse=True))
        # Boundaries of words are looked at here: those of RE2 are of ASCII.
        self._found = re2.compile(f"(?i)(?:{any_word})")
        self._whole_words = rule.whole_words

    async def fault(self, text: str, since: int, told: Told, *, whole: bool) -> str | None:
        """Return that a banned word is there."""
        # RE2 reads all of a text that it is given, so it gets the end of it, with one character for its boundary.
        text = text[max(0, since - (self.reach or 0) - 1) :]
        start = 0
        while (found := self._found.search(text, start)) is not None:
            if not whole and found.end() >= len(text):
                return None  # what follows may make it another word, and is not here yet
            if not self._whole_words or (_edge(text, found.start()) and _edge(text, found.end())):
                return "it has a banned word"
            start = found.start() + 1
        return None


class Schema:
    """JSON that follows a schema."""

    reach: int | None = None

    def __init__(self, rule: GuardRule) -> None:
        self._schema = rule.json_schema or {}

    async def fault(self, text: str, since: int, told: Told, *, whole: bool) -> str | None:
        """Return where the answer breaks the schema."""
        if not whole:
            return None
        found = misfits(self._schema, read_answer(text, has_schema=True))
        return "; ".join(f"{at}: {said}" for at, said in found) or None


class Judge:
    """A model says whether the answer does what is demanded."""

    reach: int | None = None

    def __init__(self, rule: GuardRule) -> None:
        self._rule = rule

    async def fault(self, text: str, since: int, told: Told, *, whole: bool) -> str | None:
        """Return what the judge says. Raises what its call raises."""
        if not whole:
            return None
        if told.ask is None:
            raise LookupError("no model can be asked here")
        return await told.ask(self._rule, text)


class Custom:
    """A function of an installed package. ``scorers`` are those that are there, by the names of their entry points."""

    def __init__(self, rule: GuardRule, scorers: Mapping[str, Scorer]) -> None:
        self._rule = rule
        self._scorers = scorers
        self.reach: int | None = rule.window

    async def fault(self, text: str, since: int, told: Told, *, whole: bool) -> str | None:
        """Return that the score is too low. Raises for a function that is not there, fails, or gives no score."""
        window = self._rule.window
        # A piece that is delivered has a window of text behind it, so it was part of what was scored before.
        if not whole and (window is None or len(text) // window == since // window):
            return None
        scorer = self._scorers.get(self._rule.uses)
        if scorer is None:
            raise LookupError(f"no installed package has the guard {self._rule.uses!r}")
        if inspect.iscoroutinefunction(scorer):
            score: Any = await scorer(text, told.sources, self._rule.options)
        else:
            score = await asyncio.to_thread(scorer, text, told.sources, self._rule.options)
        if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1 or math.isnan(score):
            raise ValueError(f"the guard {self._rule.uses!r} gave no score from 0 to 1")
        least = self._rule.threshold
        return f"its score is {score:.3g}, the least is {least:g}" if score < least else None


def check_of(rule: GuardRule, scorers: Mapping[str, Scorer]) -> Check:
    """Return the check of a guard."""
    if rule.kind == "custom":
        return Custom(rule, scorers)
    made: dict[str, Callable[[GuardRule], Check]] = {
        "max_length": MaxLength,
        "banned_words": BannedWords,
        "schema": Schema,
        "judge": Judge,
    }
    return made[rule.kind](rule)


_WORD = re.compile(r"\w")


def _edge(text: str, at: int) -> bool:
    """Return whether a word begins or ends there."""
    before = at > 0 and _WORD.match(text[at - 1]) is not None
    after = at < len(text) and _WORD.match(text[at]) is not None
    return before != after
