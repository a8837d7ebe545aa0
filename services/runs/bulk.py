"""One action on many runs, in bounded batches. Each is idempotent, so an interrupted call can be repeated."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from connectors.kafka.deadline_appender import Appender
from connectors.ports.engine import OutRecord
from connectors.ports.pubsub import PubSub, cancel_subject
from schemas.errors import Rejected
from schemas.records.run_events import CancelRequested, RunSubmitted
from services.runs.restart import Again, Restarts
from services.runs.submit import Submissions
from topics.catalogue import RUN_EVENTS
from topics.codec import encode

#: Cancels of one append; retries of one round of submissions.
BATCH = 100
#: Each reads a run with its outputs, which may be a megabyte.
READERS = 8
#: One retry of a run, however often bulk requests it; a retry that failed is a run of its own.
RETRY_KEY = "retry"


@dataclass(frozen=True)
class Done:
    """The outcome for one run: the new run of a retry, or the problem."""

    id: str
    run_id: str | None = None
    already: bool = False
    problem: str | None = None


class Bulk:
    """Cancels and retries. Raises ``Unavailable``; completed actions stay, and a repetition finds them."""

    def __init__(self, appender: Appender, restarts: Restarts, submissions: Submissions, bus: PubSub) -> None:
        self._appender = appender
        self._bus = bus
        self._restarts = restarts
        self._submissions = submissions

    async def cancel(self, org_id: str, run_ids: Sequence[str], requested_by: str) -> list[Done]:
        """Request cancellation of runs and interrupt their calls; a run that has ended meanwhile ignores it."""
        for batch in _batches(run_ids):
            events = [
                CancelRequested(run_id=run, org_id=org_id, reason="bulk cancel", requested_by=requested_by)
                for run in batch
            ]
            await self._appender.append([OutRecord(RUN_EVENTS, e.run_id.encode(), encode(e)) for e in events])
            # In the log before the broadcast, as for the cancel of a single run.
            for run in batch:
                self._bus.publish(cancel_subject(org_id), run.encode())
        return [Done(run) for run in run_ids]

    async def retry(self, org_id: str, run_ids: Sequence[str]) -> list[Done]:
        """Restart runs from their unsuccessful steps, each once."""
        outcomes: list[Done] = []
        readers = asyncio.Semaphore(READERS)
        for batch in _batches(run_ids):
            found = await asyncio.gather(*(self._prepared(org_id, run, readers) for run in batch))
            records = [one for one in found if isinstance(one, RunSubmitted)]
            answers = iter(await self._submissions.submit_all(records))
            for run, one in zip(batch, found, strict=True):
                answer = one if isinstance(one, Rejected) else next(answers)
                if isinstance(answer, Rejected):
                    outcomes.append(Done(run, problem=str(answer)))
                else:
                    outcomes.append(Done(run, answer.receipt.run_id, answer.duplicate))
        return outcomes

    async def _prepared(self, org_id: str, run: str, readers: asyncio.Semaphore) -> RunSubmitted | Rejected:
        async with readers:
            try:
                return await self._restarts.prepare(org_id, run, Again(), RETRY_KEY)
            except Rejected as exc:
                return exc


def _batches(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
