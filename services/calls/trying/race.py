"""The race of a slow call and its hedge: the first answer is taken, the other try is broken off and settled.

A try that is broken off has an unknown outcome, so it is booked at its estimate: what a hedge costs is counted. Whoever
waits for the answer waits for that settlement, too, since it belongs to the same ledger.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from connectors.aio.cancel import end
from services.calls.call import Answer, Call
from services.calls.cancellation import Cancellations

_LOST = "the other try of this call answered first"

Ask = Callable[[Call], Awaitable[Answer]]


class Racer(NamedTuple):
    """A try in progress."""

    call: Call
    task: "asyncio.Task[Answer]"


def start(ask: Ask, call: Call) -> Racer:
    """Start a try."""
    return Racer(call, asyncio.create_task(_asked(ask, call), name=f"try {call.call_id}"))


async def first_answer(racers: Sequence[Racer], aborts: Cancellations) -> Racer | None:
    """Return the try that answers first, the others ended and settled; ``None`` when all fail."""
    left = {one.task for one in racers}
    while left:
        done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
        for one in racers:
            if one.task in done and one.task.exception() is None:
                await _break_off([other for other in racers if other.task in left], aborts)
                return one
    return None


async def stop(racers: Sequence[Racer]) -> None:
    """End tries whose caller is gone. Their holds end by themselves."""
    for one in racers:
        await end(one.task)
        with suppress(asyncio.CancelledError):
            one.task.exception()


async def _break_off(losers: Sequence[Racer], aborts: Cancellations) -> None:
    for loser in losers:
        key = loser.call.call_id
        aborts.end(key, _LOST)
        await asyncio.wait({loser.task})
        aborts.forget(key)


async def _asked(ask: Ask, call: Call) -> Answer:
    return await ask(call)
