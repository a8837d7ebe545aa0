"""All that is done about batches, again and again: sweep, gather, send, collect."""

import asyncio

from schemas.batches import ProviderBatch
from services.batches.leased import LEASE_MS
from services.batches.ports import BatchPorts
from services.batches.sender import Sender
from services.batches.sweeper import Sweeper

#: Batches that one process works on at a time. The slowest of them delays what is due next.
AT_ONCE = 8


class Batches:
    """The work of one process. Any number of them share it by leases."""

    def __init__(self, ports: BatchPorts) -> None:
        self._ports = ports
        self._sender = Sender(ports)
        self._sweeper = Sweeper(ports)

    async def work(self) -> None:
        """Do what is due now. Raises ``Unavailable``: nothing is lost, it is tried again."""
        ports = self._ports
        await self._sweeper.sweep()
        for group in await ports.store.gathered(ports.clock.now_ms(), ports.gathered):
            if await ports.store.form(group, ports.clock.now_ms(), ports.gathered) is not None:
                ports.reached("formed")
        leased: list[ProviderBatch] = []
        while len(leased) < AT_ONCE:
            now_ms = ports.clock.now_ms()
            batch = await ports.store.lease(now_ms, now_ms + LEASE_MS, ports.owner)
            if batch is None:
                break
            leased.append(batch)
        made = await asyncio.gather(*(self._sender.advance(batch) for batch in leased), return_exceptions=True)
        for failed in made:
            if isinstance(failed, BaseException):
                raise failed
