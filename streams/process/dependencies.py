"""The state of each external dependency, with its name and since when.

Each dependency is probed every ``ASK_EVERY_S`` on a connection of its own, independent of the work. One that does not
answer within ``answer_s`` is *waiting* from the moment of the probe: a server that hangs keeps its connection open and
silent, so a call to it would only take long.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

from schemas.clock import now_ms
from schemas.errors import Unavailable

log = logging.getLogger(__name__)

Ask = Callable[[], Awaitable[object]]

#: Together with ``ANSWER_S`` well within the 10 s after which a hung dependency must be reported by name.
ASK_EVERY_S = 1.0
#: A server that takes longer for its simplest query does not serve.
ANSWER_S = 3.0


@dataclass(frozen=True, slots=True)
class State:
    """One dependency at one moment. ``since`` is monotonic and ``since_ms`` the wall clock's; 0 while it answers."""

    name: str
    why: str = ""
    since: float = 0.0
    since_ms: int = 0

    @property
    def waiting(self) -> bool:
        """True while it does not answer."""
        return bool(self.why)

    def seconds(self, now: float) -> float:
        """Return the waiting time in seconds."""
        return max(0.0, now - self.since) if self.waiting else 0.0


class Dependencies:
    """Probes dependencies. ``states`` may be read from any thread.

    Nothing waits for those named in ``optional``; without them the work is correct, and its notifications are slower.
    """

    def __init__(
        self,
        ask: Mapping[str, Ask],
        *,
        optional: Collection[str] = (),
        answer_s: float = ANSWER_S,
        every_s: float = ASK_EVERY_S,
    ) -> None:
        self._ask = dict(ask)
        self._optional = frozenset(optional)
        self._answer_s = answer_s
        self._every_s = every_s
        self._states = {name: State(name) for name in ask}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start probing."""
        self._tasks = [
            asyncio.create_task(self._watch(name, ask), name=f"ask {name}") for name, ask in self._ask.items()
        ]

    async def stop(self) -> None:
        """Stop probing."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def states(self) -> list[State]:
        """Return every dependency's state."""
        return list(self._states.values())

    def waiting(self) -> list[State]:
        """Return the states of the required ones that do not answer."""
        return [state for state in self.states() if state.waiting and state.name not in self._optional]

    def missed(self) -> list[State]:
        """Return the states of the optional ones that do not answer."""
        return [state for state in self.states() if state.waiting and state.name in self._optional]

    async def _watch(self, name: str, ask: Ask) -> None:
        while True:
            asked, asked_ms = time.monotonic(), now_ms()
            # Not cancelled when it is late: a client might be left in an inconsistent state, and its own timeouts end
            # it.
            answer: asyncio.Task[object] = asyncio.create_task(_asked(ask))
            try:
                done, _ = await asyncio.wait({answer}, timeout=self._answer_s)
                if not done:
                    self._wait(State(name, f"no answer within {self._answer_s:g} s", asked, asked_ms))
                    await asyncio.wait({answer})
                if (fault := answer.exception()) is None:
                    self._back(name)
                else:
                    self._wait(State(name, _why(fault), asked, asked_ms))
            except asyncio.CancelledError:
                answer.cancel()
                await asyncio.gather(answer, return_exceptions=True)
                raise
            await asyncio.sleep(self._every_s)

    def _wait(self, state: State) -> None:
        before = self._states[state.name]
        if before.waiting:
            return
        self._states[state.name] = state
        if state.name in self._optional:
            log.warning("continuing without %s: %s", state.name, state.why, extra={"action": "dependency_missed"})
        else:
            log.error("waiting for %s: %s", state.name, state.why, extra={"action": "dependency_waiting"})

    def _back(self, name: str) -> None:
        before = self._states[name]
        if before.waiting:
            self._states[name] = State(name)
            waited = before.seconds(time.monotonic())
            log.warning("%s answers again after %.1f s", name, waited, extra={"action": "dependency_back"})


async def _asked(ask: Ask) -> object:
    return await ask()


def _why(fault: BaseException) -> str:
    return str(fault) if isinstance(fault, Unavailable) else f"{type(fault).__name__}: {fault}"
