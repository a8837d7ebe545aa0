"""Reading along: the pieces of answers while providers stream them, and each answer when it is there.

Pieces come from workers over the bus, where they may be lost; so they come in order and without gaps, or not at all:
at a gap the worker is asked for all that it has. Answers come from history, by the same rules as everywhere.

Where a policy has rules for readers, what they decide by is known of whole values only, so no piece is shown. Values
are put back for a reader who may see them word by word; what a model has torn apart more widely keeps its token until
the answer is there.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field

import msgspec

from api.live.run_story import Event
from connectors.postgres.history.run_steps import RunSteps
from connectors.postgres.history.runs import StoredStep
from schemas.api_models.runs import StepAnswer
from schemas.records.token_pieces import TokenPieces

#: Steps that models answer.
KINDS = frozenset({"llm", "agent"})
#: A reader who misses pieces asks for them this often at most.
AGAIN_S = 0.2
#: A longer word is no token.
LONGEST_WORD = 128

Restore = Callable[[str, TokenPieces], Awaitable[str]]
"""Puts values into a text that the reader may see. Raises nothing: without them the text stays as it is."""
Shown = Callable[[Sequence[StoredStep]], Awaitable[list[StepAnswer]]]
"""Returns steps with their outputs, as the reader may see them. Raises ``Unavailable``."""


class TokenText(msgspec.Struct, frozen=True):
    """The data of an event ``token``. ``index`` numbers those of one attempt of a step from 0, without gaps."""

    step_id: str
    attempt: int
    index: int
    text: str


@dataclass(slots=True)
class _Answer:
    """What one attempt's reader has: ``pieces`` came, ``events`` went, ``held`` is the beginning of a word."""

    pieces: int = 0
    events: int = 0
    held: str = ""


@dataclass(slots=True)
class Along:
    """One reader. Without ``pieces`` only whole answers are sent, without ``restore`` texts are sent as they come.

    ``missing`` says that workers may have said more than came. Answers of versions from ``since`` on are sent.
    """

    org_id: str
    run_id: str
    steps: RunSteps
    shown: Shown
    restore: Restore | None = None
    pieces: bool = True
    missing: bool = True
    since: int = -1
    _asked_at: float = 0.0
    _answers: dict[tuple[str, int], _Answer] = field(default_factory=dict)
    _sent: set[tuple[str, int]] = field(default_factory=set)

    def asks_again(self, now: float) -> bool:
        """Return whether workers are to say all that they have, now."""
        if not self.missing or now - self._asked_at < AGAIN_S:
            return False
        self._asked_at, self.missing = now, False
        return True

    async def tokens(self, found: TokenPieces) -> list[Event]:
        """Return the event for pieces that were not sent."""
        key = (found.step_id, found.attempt)
        if key in self._sent:
            return []
        answer = self._answers.setdefault(key, _Answer())
        if found.index > answer.pieces:
            self.missing = True
            return []
        text = "".join(found.texts[answer.pieces - found.index :])
        answer.pieces = max(answer.pieces, found.index + len(found.texts))
        if self.restore is not None:
            text = await self._restored(answer, text, found)
        return [_token(found, answer, text)] if text else []

    async def outputs(self, steps: Collection[StoredStep]) -> list[Event]:
        """Return the answers of steps that have succeeded and were not sent. Raises ``Unavailable``."""
        done = [one for one in steps if one.kind in KINDS and one.status == "succeeded"]
        new = [one.step_id for one in done if (one.step_id, one.attempt) not in self._sent]
        if not new:
            return []
        stored = await self.steps.some(self.org_id, self.run_id, new)
        answers = await self.shown(stored)
        events: list[Event] = []
        for one, step in zip(answers, stored, strict=True):
            events += await self._rest(TokenPieces(step.step_id, step.node_id, step.attempt, 0, []))
            self._sent.add((step.step_id, step.attempt))
            events.append(Event("output", one.model_dump_json(exclude_none=True)))
        return events

    async def _rest(self, found: TokenPieces) -> list[Event]:
        """Return the event for the word that waited for its end."""
        answer = self._answers.pop((found.step_id, found.attempt), None)
        if answer is None or not answer.held or self.restore is None:
            return []
        return [_token(found, answer, await self.restore(answer.held, found))]

    async def _restored(self, answer: _Answer, text: str, found: TokenPieces) -> str:
        assert self.restore is not None
        whole = answer.held + text
        cut = max((place for place, letter in enumerate(whole) if letter.isspace()), default=-1) + 1
        if len(whole) - cut > LONGEST_WORD:
            cut = len(whole)
        answer.held = whole[cut:]
        return await self.restore(whole[:cut], found) if cut else ""


def _token(found: TokenPieces, answer: _Answer, text: str) -> Event:
    event = TokenText(found.step_id, found.attempt, answer.events, text)
    answer.events += 1
    return Event("token", msgspec.json.encode(event).decode())
