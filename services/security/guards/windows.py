"""A stream that guards look at as it comes: no text reaches the reader before they let it pass.

At most ``Guards.hold`` characters are held back at the end, so the delay is bounded by them; guards that say nothing
before an answer is whole hold back all of it. Once a guard has refused, nothing more is delivered.
"""

from collections.abc import Awaitable, Callable

from connectors.providers.deltas import Piece, TextDelta, UsageDelta
from schemas.errors import StepError
from schemas.records.security.pinned import Decision
from services.security.guards.checks import Told
from services.security.guards.guarded import Guards

Listener = Callable[[Piece | UsageDelta], Awaitable[None]]


class Window:
    """A listener between a stream and its reader. ``fault`` is why it was cut; ``held_most`` counts characters.

    Texts only are delivered, and counts: what a model thinks, and the arguments of tools, have passed no guard.
    """

    def __init__(self, guards: Guards, listener: Listener, told: Told, decisions: list[Decision]) -> None:
        self._guards = guards
        self._listener = listener
        self._told = told
        self._decisions = decisions
        self._hold = guards.hold
        self._text = ""
        self._good = 0
        self._delivered = 0
        self.fault: StepError | None = None
        self.held_most = 0

    async def __call__(self, delta: Piece | UsageDelta) -> None:
        """Take a delta of the stream."""
        if self.fault is not None:
            return
        if isinstance(delta, UsageDelta):
            await self._listener(delta)
            return
        if not isinstance(delta, TextDelta):
            return
        self._text += delta.text
        if self._hold is None:
            return
        self.fault = await self._look(whole=False)
        if self.fault is None:
            await self._deliver(len(self._text) - self._hold)

    async def end(self, text: str) -> None:
        """Deliver what was held back of an answer that all guards have let pass, which is ``text``.

        One that was changed behind the part that is out already ends there: two halves would make a third text.
        """
        if self.fault is None and text.startswith(self._text[: self._delivered]):
            self._text = text
            await self._deliver(len(text))

    async def _look(self, *, whole: bool) -> StepError | None:
        found = await self._guards.fault(self._text, self._told, self._decisions, since=self._good, whole=whole)
        self._good = len(self._text) if found is None else self._good
        return found

    async def _deliver(self, until: int) -> None:
        self.held_most = max(self.held_most, len(self._text) - max(until, self._delivered))
        if until > self._delivered:
            piece, self._delivered = self._text[self._delivered : until], until
            await self._listener(TextDelta(piece))
