"""The results of a batch: settlements first, then the answers, then the batch is ended. Any of it may be repeated."""

from collections import Counter
from collections.abc import Sequence

from connectors.ports.batches import Done
from connectors.providers.batching.port import LineResult, Polled
from schemas.batches import BatchItem, FinalState, custom_id
from schemas.errors import StepError
from services.batches.leased import Leased
from services.batches.ports import BatchPorts
from services.batches.settlements import Ended, ended, not_answered

#: Calls whose settlements travel together, and whose answers are stored together.
CHUNK = 100


class Collector:
    """Ends batches. Methods raise ``Unavailable``, ``StepError`` and ``LeaseLostError``; nothing is lost by that."""

    def __init__(self, ports: BatchPorts) -> None:
        self._ports = ports

    async def collect(self, leased: Leased, polled: Polled) -> None:
        """Read the results of a batch that has ended, and end its calls. What the results do not name was not made."""
        batch, service, reached = leased.batch, leased.service, self._ports.reached
        found = {line.custom_id: line for line in await service.results(polled, await leased.key())}
        reached("fetched")
        missing: FinalState = "canceled" if batch.cancel else "expired"
        members = await self._ports.store.members(batch.id)
        for chunk in _chunks(members):
            await leased.change()
            outcomes = []
            for item in chunk:
                name = custom_id(batch.id, item.call_id)
                line = found.get(name) or LineResult(name, missing)
                prices = await self._ports.prices.booked(item.org_id, item.started.price_version)
                outcomes.append(await ended(item, line, service, prices, self._ports.bodies))
            await self._end(outcomes)
        await self._close(leased, "")
        # Last: the process that continues after a crash reads the results again.
        await leased.discard(batch.file_id, *polled.files)

    async def refuse(self, leased: Leased, error: StepError, state: FinalState | None = None) -> None:
        """End a batch whose calls were not made, for an error; or, where its ``outcome`` is unknown, may have been.

        With ``state`` they end in it; calls that may be made in another way then are.
        """
        for chunk in _chunks(await self._ports.store.members(leased.batch.id)):
            await self._end([_refused(item, error, state) for item in chunk])
        await self._close(leased, str(error))
        if error.details.get("outcome") != "unknown":
            await leased.discard(leased.batch.file_id)

    async def drop(self, items: Sequence[BatchItem]) -> None:
        """End calls that nobody wants any more, and that were not sent."""
        if items:
            await self._end([not_answered(item, "canceled") for item in items])

    async def _end(self, outcomes: Sequence[Ended]) -> None:
        await self._ports.emit([one.cost for one in outcomes if one.cost is not None])
        self._ports.reached("settled")
        done = [Done(one.item.call_id, one.state, one.result) for one in outcomes]
        await self._ports.store.finish(done, self._ports.clock.now_ms())
        self._ports.reached("finished")
        for state, calls in Counter(one.state for one in outcomes).items():
            self._ports.counts.ended(state, calls)

    async def _close(self, leased: Leased, problem: str) -> None:
        now_ms = self._ports.clock.now_ms()
        await leased.leave(0, state="ended", ended_ms=now_ms, problem=problem)
        self._ports.reached("closed")


def _refused(item: BatchItem, error: StepError, state: FinalState | None) -> Ended:
    if state is not None and (state == "canceled" or item.mode == "auto"):
        return not_answered(item, state)
    return not_answered(item, "failed", error)


def _chunks(items: Sequence[BatchItem]) -> list[Sequence[BatchItem]]:
    return [items[at : at + CHUNK] for at in range(0, len(items), CHUNK)]
