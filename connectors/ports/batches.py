"""The port of the store of batched calls. It outlives every process; each method is one transaction."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from schemas.batches import BatchItem, Group, ItemResult, ItemState, ProviderBatch, Wake
from schemas.records.money import CallStarted


class Gathered(NamedTuple):
    """How many calls a batch may have, how large it may be, and how long the first one waits for the others."""

    requests: int
    most_bytes: int
    wait_ms: int


class Done(NamedTuple):
    """What became of one call of a batch. Its settlement is in the log."""

    call_id: str
    state: ItemState
    result: ItemResult


class Waiting(NamedTuple):
    """An ended call whose step waits for it, without what was asked and answered."""

    call_id: str
    org_id: str
    wake: Wake
    ends_with: str
    done_ms: int


class LeaseLostError(Exception):
    """Another process works on the batch: stop, and touch it no more."""


class CallsOfBatches(Protocol):
    """Calls as those who make them see them. All methods raise ``Unavailable``."""

    async def find(self, call_id: str) -> BatchItem | None:
        """Return a call."""
        ...

    async def add(self, item: BatchItem) -> BatchItem:
        """Store a new call, and return what is stored of it: of a repeat, what there is."""
        ...

    async def remove(self, call_id: str) -> None:
        """Remove a new call, for which nothing is held."""
        ...

    async def make_ready(self, call_id: str, started: CallStarted, deferral: int, now_ms: int) -> bool:
        """Say that its money is held and the log knows of it; ``False`` if it was canceled meanwhile."""
        ...

    async def waits(self, call_id: str, deferral: int) -> None:
        """Say which deferral of its step waits for it now."""
        ...

    async def take(self, *call_ids: str) -> None:
        """Say that their steps have what became of them, so that nobody must be woken."""
        ...


class Standing(NamedTuple):
    """Open calls by state; states without any are left out. ``oldest_ms`` is when the oldest was stored, 0 for none."""

    calls: Mapping[str, int]
    oldest_ms: int


class BatchStore(CallsOfBatches, Protocol):
    """Calls and batches as those who send them see them. All methods raise ``Unavailable``."""

    async def gathered(self, now_ms: int, limits: Gathered) -> list[Group]:
        """Return the groups of ready calls that are enough, or have waited long enough."""
        ...

    async def form(self, group: Group, now_ms: int, limits: Gathered) -> ProviderBatch | None:
        """Make a batch of ready calls, the oldest first; ``None`` if others took them."""
        ...

    async def lease(self, now_ms: int, until_ms: int, owner: str) -> ProviderBatch | None:
        """Lease a batch that is due and that nobody has."""
        ...

    async def change(self, batch: ProviderBatch) -> None:
        """Store a batch as it is now, with its lease. Raises ``LeaseLostError``."""
        ...

    async def members(self, batch: str) -> list[BatchItem]:
        """Return the calls of a batch that are still open."""
        ...

    async def finish(self, done: Sequence[Done], now_ms: int) -> None:
        """Store what became of open calls; those that have ended before stay as they are."""
        ...

    async def known(self, provider_ids: Collection[str], but: str) -> set[str]:
        """Return those of the provider's names that belong to batches other than ``but``."""
        ...

    async def open_runs(self, after: str, most: int) -> list[tuple[str, str]]:
        """Return open, wanted calls and the run whose end makes them useless, in the order of call ids."""
        ...

    async def unwant(self, call_ids: Collection[str], now_ms: int) -> None:
        """Cancel calls that no batch has yet; of batches whose calls are all unwanted, ask the cancel."""
        ...

    async def forgotten(self, before_ms: int) -> list[str]:
        """Return calls that are new since before a time: their step never came back."""
        ...

    async def unsettled(self, most: int) -> list[BatchItem]:
        """Return canceled calls whose settlement may not be in the log."""
        ...

    async def settled(self, call_ids: Collection[str]) -> None:
        """Say that their settlements are in the log."""
        ...

    async def to_wake(self, now_ms: int, most: int) -> list[Waiting]:
        """Return ended calls that no step has taken, and whose step is to be woken now."""
        ...

    async def woken(self, next_ms: Mapping[str, int]) -> None:
        """Say that the steps of calls were woken, and when to do so again."""
        ...

    async def standing(self) -> Standing:
        """Return how many calls are open, and since when the oldest is."""
        ...

    async def purge(self, before_ms: int) -> int:
        """Remove calls and batches that ended before a time, and return how many batches."""
        ...


def within(calls: Iterable[tuple[str, int]], most_bytes: int) -> list[str]:
    """Return the first calls, of ids and sizes, that are not too large together; one alone always fits."""
    taken: list[str] = []
    total = 0
    for call_id, size in calls:
        total += size
        if taken and total > most_bytes:
            break
        taken.append(call_id)
    return taken
