"""Reads and checks documents off the event loop: small ones in a thread, large ones in a process.

A thread that computes takes the loop's turns now and then, a few milliseconds each, so it gets small documents only.
They need no time limit: what a small document can ask for is bounded by its size.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from schemas.errors import Overloaded
from schemas.prompts.inline import InlinePrompt
from schemas.spec.model import WorkflowSpec
from services.workflows.check_requests import Check, Parse, ReadDocument
from services.workflows.checker_process import CheckerProcess
from services.workflows.resolver import Plan

#: A document of this many characters takes less than a tenth of a second; nearly all are smaller.
SMALL_CHARS = 16 * 1024
#: The largest workflow takes two or three seconds on one core, more on a machine that does other work.
LIMIT_S = 10.0
#: So many large documents wait for some seconds at most; the next one is refused instead.
MAX_LARGE = 4
MAX_SMALL = 64

Request = Parse | Check
Answer = ReadDocument | Plan


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document that was read, the prompts inside of its nodes, and whether it is checked as a small one."""

    spec: WorkflowSpec
    inline: Sequence[InlinePrompt]
    small: bool


class _Lane:
    """One thread with a bounded queue."""

    def __init__(self, what: str, most: int) -> None:
        self._what = what
        self._most = most
        self._waiting = 0
        self._thread = ThreadPoolExecutor(1, f"check-{what}")

    async def run(self, work: Callable[[Request], Answer], request: Request) -> Answer:
        """Return the answer of ``work``. Raises ``Overloaded`` when too many wait."""
        if self._waiting >= self._most:
            raise Overloaded(f"{self._most} {self._what} documents are being checked; retry later")
        self._waiting += 1
        done = asyncio.get_running_loop().run_in_executor(self._thread, work, request)
        # A caller that leaves does not stop the thread, so its place is free only when the work has ended.
        done.add_done_callback(self._left)
        return await asyncio.shield(done)

    def close(self) -> None:
        """Let no further work begin."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _left(self, done: "asyncio.Future[Answer]") -> None:
        self._waiting -= 1
        if not done.cancelled():
            done.exception()  # a caller that left does not read it, which is no defect


class DocumentChecks:
    """Reads and checks documents. Every method raises ``Overloaded`` and, when the process ends, ``Unavailable``."""

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self._process = CheckerProcess(limit_s)
        self._small = _Lane("small", MAX_SMALL)
        self._large = _Lane("large", MAX_LARGE)

    async def parse(self, text: str) -> Parsed:
        """Return the workflow in a document. Raises ``InvalidSpec``, also for one that takes too long."""
        small = len(text) <= SMALL_CHARS
        found = await self._run(Parse(text), small)
        if not isinstance(found, ReadDocument):
            raise TypeError(f"{type(found).__name__} came for a document")
        return Parsed(found.spec, found.inline, small)

    async def check(self, request: Check, *, small: bool) -> Plan:
        """Check a workflow and return its plan. Raises ``InvalidSpec`` and ``TooLarge``."""
        found = await self._run(request, small and not request.family.members)
        if not isinstance(found, Plan):
            raise TypeError(f"{type(found).__name__} came for a checked workflow")
        return found

    async def close(self) -> None:
        """Stop; the process is killed."""
        self._small.close()
        self._large.close()
        await asyncio.to_thread(self._process.close)

    async def _run(self, request: Request, small: bool) -> Answer:
        if small:
            return await self._small.run(_answer_here, request)
        return await self._large.run(self._process.ask, request)


def _answer_here(request: Request) -> Answer:
    return request.answer()
