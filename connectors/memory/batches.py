"""Batched calls and batches in memory: for unit tests and proofs of what crashes leave behind."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from msgspec import structs

from connectors.ports.batches import Done, Gathered, LeaseLostError, Standing, Waiting, within
from schemas.batches import FINAL_ITEM, BatchItem, Group, ProviderBatch, batch_id
from schemas.records.money import CallStarted

_UNSENT = ("new", "ready")
_OPEN = (*_UNSENT, "batched")


class MemoryBatches:
    """The store as ``connectors.ports.batches`` describes it."""

    def __init__(self) -> None:
        self.items: dict[str, BatchItem] = {}
        self.batches: dict[str, ProviderBatch] = {}

    async def find(self, call_id: str) -> BatchItem | None:
        return self.items.get(call_id)

    async def add(self, item: BatchItem) -> BatchItem:
        return self.items.setdefault(item.call_id, item)

    async def remove(self, call_id: str) -> None:
        if call_id in self.items and self.items[call_id].state == "new":
            del self.items[call_id]

    async def make_ready(self, call_id: str, started: CallStarted, deferral: int, now_ms: int) -> bool:
        item = self.items.get(call_id)
        if item is None or item.state not in _UNSENT:
            return False
        wake = structs.replace(item.wake, deferral=deferral)
        ready_ms = now_ms if item.state == "new" else item.ready_ms
        self._put(item, started=started, wake=wake, state="ready", ready_ms=ready_ms)
        return True

    async def waits(self, call_id: str, deferral: int) -> None:
        item = self.items.get(call_id)
        if item is not None:
            self._put(item, wake=structs.replace(item.wake, deferral=deferral))

    async def take(self, *call_ids: str) -> None:
        for call_id in call_ids:
            if call_id in self.items:
                self._put(self.items[call_id], taken=True)

    async def gathered(self, now_ms: int, limits: Gathered) -> list[Group]:
        groups: dict[Group, list[BatchItem]] = {}
        for item in self._in("ready"):
            groups.setdefault(item.group, []).append(item)
        due = {group: min(one.ready_ms for one in items) for group, items in groups.items()}
        return sorted(
            (
                group
                for group, items in groups.items()
                if len(items) >= limits.requests
                or due[group] <= now_ms - limits.wait_ms
                or sum(one.question.size for one in items) >= limits.most_bytes
            ),
            key=lambda group: due[group],
        )

    async def form(self, group: Group, now_ms: int, limits: Gathered) -> ProviderBatch | None:
        ready = sorted((one for one in self._in("ready") if one.group == group), key=lambda one: one.ready_ms)
        calls = within(((one.call_id, one.question.size) for one in ready[: limits.requests]), limits.most_bytes)
        if not calls:
            return None
        taken = [self.items[call_id] for call_id in calls]
        name = batch_id(calls)
        batch = ProviderBatch(id=name, group=group, requests=len(taken), formed_ms=now_ms, due_ms=now_ms)
        self.batches[batch.id] = batch
        for item in taken:
            self._put(item, state="batched", batch_id=batch.id)
        return batch

    async def lease(self, now_ms: int, until_ms: int, owner: str) -> ProviderBatch | None:
        free = (
            one
            for one in self.batches.values()
            if one.state != "ended" and one.due_ms <= now_ms and one.leased_until_ms <= now_ms
        )
        batch = min(free, key=lambda one: one.due_ms, default=None)
        if batch is None:
            return None
        leased = structs.replace(batch, lease=owner, leased_until_ms=until_ms)
        self.batches[batch.id] = leased
        return leased

    async def change(self, batch: ProviderBatch) -> None:
        stored = self.batches.get(batch.id)
        if stored is None or stored.lease != batch.lease:
            raise LeaseLostError(batch.id)
        if stored.cancel and not batch.cancel:
            batch = structs.replace(batch, cancel=True, due_ms=0)
        self.batches[batch.id] = batch

    async def members(self, batch: str) -> list[BatchItem]:
        return sorted((one for one in self._in("batched") if one.batch_id == batch), key=lambda one: one.call_id)

    async def finish(self, done: Sequence[Done], now_ms: int) -> None:
        for one in done:
            item = self.items[one.call_id]
            if item.state == "batched":
                self._put(item, state=one.state, result=one.result, done_ms=now_ms, wake_ms=now_ms, settled=True)

    async def known(self, provider_ids: Collection[str], but: str) -> set[str]:
        others = {one.provider_id for one in self.batches.values() if one.id != but}
        return others & set(provider_ids)

    async def open_runs(self, after: str, most: int) -> list[tuple[str, str]]:
        found = sorted(
            (one.call_id, one.ends_with)
            for one in self._in(*_OPEN)
            if one.wanted and one.ends_with and one.call_id > after
        )
        return found[:most]

    async def unwant(self, call_ids: Collection[str], now_ms: int) -> None:
        touched: set[str] = set()
        for call_id in call_ids:
            item = self.items.get(call_id)
            if item is None or item.state in FINAL_ITEM:
                continue
            if item.state in _UNSENT:
                self._put(item, wanted=False, state="canceled", done_ms=now_ms)
            else:
                self._put(item, wanted=False)
                touched.add(item.batch_id)
        for name in touched:
            members = await self.members(name)
            if not any(one.wanted for one in members):
                self.batches[name] = structs.replace(self.batches[name], cancel=True, due_ms=0)

    async def forgotten(self, before_ms: int) -> list[str]:
        return sorted(one.call_id for one in self._in("new") if one.created_ms < before_ms)

    async def unsettled(self, most: int) -> list[BatchItem]:
        return [one for one in self._in("canceled") if not one.settled][:most]

    async def settled(self, call_ids: Collection[str]) -> None:
        for call_id in call_ids:
            self._put(self.items[call_id], settled=True)

    async def to_wake(self, now_ms: int, most: int) -> list[Waiting]:
        ended = (one for one in self._in(*FINAL_ITEM) if not one.taken and one.wanted and one.wake_ms <= now_ms)
        due = sorted(ended, key=lambda one: one.wake_ms)[:most]
        return [Waiting(one.call_id, one.org_id, one.wake, one.ends_with, one.done_ms) for one in due]

    async def woken(self, next_ms: Mapping[str, int]) -> None:
        for call_id, at_ms in next_ms.items():
            self._put(self.items[call_id], wake_ms=at_ms)

    async def standing(self) -> Standing:
        items = [item for item in self.items.values() if item.state in _OPEN]
        return Standing(Counter(item.state for item in items), min((item.created_ms for item in items), default=0))

    async def purge(self, before_ms: int) -> int:
        for item in [one for one in self.items.values() if 0 < one.done_ms < before_ms and one.settled]:
            del self.items[item.call_id]
        old = [one for one in self.batches.values() if one.state == "ended" and one.ended_ms < before_ms]
        for batch in old:
            del self.batches[batch.id]
        return len(old)

    def _in(self, *states: str) -> list[BatchItem]:
        return [one for one in self.items.values() if one.state in states]

    def _put(self, item: BatchItem, **changes: object) -> None:
        self.items[item.call_id] = structs.replace(item, **changes)
