"""What a scorer is: its mark, its ports, and the texts and values that scorers compare.

A scorer never gives a 0 because it failed: it raises ``CannotScore``, and the answer gets no score and a note.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct

from connectors.ports.embedder import Embedder
from schemas.errors import AgentFlowError, Undecodable
from schemas.prompts.evaluations import Answered, Case
from schemas.records.base import Json
from schemas.values.json_text import read_json, write_json

#: Texts are cut here before they are compared; a longer answer is no use to a scorer.
MOST_CHARS = 1_000_000


class Mark(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A score from 0 to 1; ``None`` when the scorer failed. ``note`` is the reason, for people."""

    score: float | None
    note: str = ""


class Scorer(Protocol):
    """Scores one answer. It raises nothing: what fails is a mark without a score."""

    async def __call__(self, case: Case, answer: Answered) -> Mark:
        """Return the mark of an answer."""
        ...


class CannotScore(AgentFlowError):
    """A scorer has no score for an answer; the message says why, with the fix."""


class WrongShape(AgentFlowError):
    """The output lacks the part that is scored: the answer is wrong, and its score 0."""


CallFunction = Callable[[str, Mapping[str, Json]], Awaitable[Json]]
"""Calls a registered function by its name with its arguments. May raise anything."""
Ask = Callable[[str, Mapping[str, Json]], Awaitable[Json]]
"""Asks a judge's model: the question, and the JSON schema that its reply has. Returns the reply, as text or JSON."""


@dataclass(frozen=True)
class Ports:
    """What some scorers need from outside. A scorer whose port is missing is refused when it is made."""

    embedder: Embedder | None = None
    call: CallFunction | None = None
    ask: Ask | None = None


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of all scorers of outputs. ``path`` names a part of the output, such as ``answer.label``."""

    path: str = ""


_MISSING = object()


def part_of(output: Json, path: str) -> Json:
    """Return the part of an output that a path names. Raises ``WrongShape`` when it lacks it."""
    if not path:
        return output
    found = json_of(output) if isinstance(output, str) else output
    for name in path.split("."):
        if isinstance(found, Mapping) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            raise WrongShape(f"the output has no {path!r}")
    return found


def json_of(text: str) -> Json:
    """Return the value of a JSON text. Raises ``WrongShape`` for another text."""
    try:
        return read_json(text.strip().encode())
    except (Undecodable, UnicodeEncodeError) as exc:
        raise WrongShape(f"the output is not JSON: {exc}") from exc


def text_of(value: Json) -> str:
    """Return a value as text: a text itself, else its JSON."""
    text = value if isinstance(value, str) else write_json(value).decode()
    return text[:MOST_CHARS]


def expected_of(case: Case) -> Json:
    """Return the expected value of a case. Raises ``CannotScore`` without one."""
    if case.expected is None:
        raise CannotScore("the case has no expected value; give it one, or take this scorer out")
    return case.expected


def texts_of(case: Case) -> list[str]:
    """Return the expected texts of a case: one, or a list of which any counts. Raises ``CannotScore`` without one."""
    expected = expected_of(case)
    if expected == []:
        raise CannotScore("the case expects one of no texts; give it one, or take this scorer out")
    return [text_of(one) for one in (expected if isinstance(expected, list) else [expected])]


def mark_of(found: Json) -> Mark:
    """Return what a function answered as a mark: a bool, a number from 0 to 1, or ``{score, note}``.

    Raises ``CannotScore`` for anything else.
    """
    if isinstance(found, Mapping) and "score" in found:
        inner = mark_of(found["score"])
        return Mark(score=inner.score, note=str(found.get("note", ""))[:500])
    if isinstance(found, bool):
        return Mark(score=float(found))
    if isinstance(found, int | float) and 0 <= found <= 1:
        return Mark(score=float(found))
    raise CannotScore(f"the score {str(found)[:80]!r} is not usable; return true, false or a number from 0 to 1")
