"""Tells whether an unknown run id is certainly unknown.

A run that was accepted has a marker in Redis until it is in history. When Redis lost its markers, or history is so far
behind that markers expire, a run may be neither here nor there and still run: then "no such run" would be a lie. So the
markers have a generation, which is complete once

    1. every record that ``run-events`` had when the generation was seen is folded, and
    2. history has finished every record that ``run-views`` had after that.

The watch of each process of the API and of the ingress repeats this. A submission with an id has a marker for a day,
so for ids a generation stays complete until Redis loses it; for runs without one, history must have been up to date
half an hour ago at most.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Protocol

from connectors.aio.batching import SingleFlight
from connectors.redis.marker_generation import MarkerGeneration
from schemas.errors import AgentFlowError, NotFound, TryLater, Unavailable
from topics.catalogue import RUN_EVENTS, RUN_VIEWS
from topics.groups import group_of

logger = logging.getLogger(__name__)

HISTORY_GROUP = group_of("history")
#: Half of the time for which a marker without an id bridges the way to history.
COMPLETE_FOR_S = 1800.0
#: A look costs some round trips of the broker.
LOOK_AGAIN_S = 300.0
#: A missing generation is noticed by one small question to Redis.
NOTICE_S = 1.0
RETRY_AFTER_S = 2.0
#: No answer takes longer than two seconds.
SOON_S, SOON_LOOK_S = 1.0, 0.1


class Progress(Protocol):
    """How far the log and its readers are; every method raises ``Unavailable``."""

    async def ends(self, topic: str) -> Mapping[int, int]:
        """Return the offset after the last record of each partition."""
        ...

    async def committed(self, group: str, topic: str) -> Mapping[int, int]:
        """Return the offset up to which a group has finished each partition."""
        ...


class KnownRuns:
    """Knows whether every accepted run is known by its marker or by history."""

    def __init__(self, generation: MarkerGeneration, progress: Progress) -> None:
        self._generation = generation
        self._progress = progress
        self._asking: SingleFlight[str, bool] = SingleFlight()

    async def complete(self) -> bool:
        """Return true if a run without a marker that is not in history does not exist. Raises ``Unavailable``."""
        return await self._generation.complete()

    async def ids_are_known(self) -> bool:
        """Return true if an unknown submission id was never accepted, and wait a moment for it.

        After a start the first look takes that long. Raises ``Unavailable``.
        """
        for _ in range(int(SOON_S / SOON_LOOK_S)):
            if await self._complete_by_id():
                return True
            await asyncio.sleep(SOON_LOOK_S)
        return await self._complete_by_id()

    async def _complete_by_id(self) -> bool:
        # Every submission with a key asks; those that come at once share one question.
        return await self._asking.do("ids", self._generation.complete_by_id)

    async def unknown(self, run_id: str) -> AgentFlowError:
        """Return the error for a run that has no marker and is not in history. Raises ``Unavailable``."""
        if await self.complete():
            return NotFound(f"run {run_id} does not exist; see GET /api/v1/workflows/runs")
        return behind(f"run {run_id} may exist")

    async def watch(self) -> None:
        """Keep the generation complete while history keeps up, until cancelled."""
        while True:
            try:
                await self._look()
                await self._until_missing()
            except TryLater as exc:
                logger.debug("the submission markers may be incomplete: %s", exc, extra={"action": "wait"})
                await asyncio.sleep(NOTICE_S)

    async def _look(self) -> None:
        generation = await self._generation.begin()
        await self._reached(RUN_EVENTS, self._generation.folded)
        await self._reached(RUN_VIEWS, lambda _: self._progress.committed(HISTORY_GROUP, RUN_VIEWS))
        await self._generation.finish(generation, int(COMPLETE_FOR_S * 1000))

    async def _reached(self, topic: str, read: "Reading") -> None:
        """Wait until a reader of a topic has what is in it now."""
        ends = await self._progress.ends(topic)
        while True:
            at = await read(len(ends))
            if all(at.get(partition, 0) >= end for partition, end in ends.items()):
                return
            await asyncio.sleep(NOTICE_S)

    async def _until_missing(self) -> None:
        """Wait until the next look is due, or the generation is gone."""
        for _ in range(int(LOOK_AGAIN_S / NOTICE_S)):
            await asyncio.sleep(NOTICE_S)
            if not await self.complete():
                return


class Reading(Protocol):
    """Reads how far a reader is."""

    async def __call__(self, partitions: int, /) -> Mapping[int, int]:
        """Return the offset by partition of a topic with so many. Raises ``Unavailable``."""
        ...


def behind(what: str) -> Unavailable:
    """Return the error of a question that nobody can answer before history has caught up."""
    message = f"{what}: history is behind the log, and the submission markers are incomplete; ask again"
    return Unavailable("history", message, RETRY_AFTER_S)
