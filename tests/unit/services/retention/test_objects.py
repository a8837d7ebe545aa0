"""Which objects a sweep deletes, and that one that fails or is cut deletes nothing that is needed."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import NamedTuple

import pytest

from schemas.errors import Unavailable
from services.retention import objects
from services.retention.objects import ObjectSweeper
from services.retention.sweeper import DAY_MS, KeptDays

NOW_MS = 1_000 * DAY_MS


class Stored(NamedTuple):
    name: str
    stored_ms: int


class World:
    """Objects with the days since they were stored, and what refers to them."""

    def __init__(self, **days: dict[str, int]) -> None:
        self.days = days
        self.history: set[str] = set()
        self.calls: set[str] = set()
        self.noted: dict[tuple[str, str], int] = {}
        self.open_days: int | None = None
        self.down = False
        self.scans = 0

    async def stored(self) -> AsyncIterator[Stored]:
        for org, days in sorted(self.days.items()):
            for sha, age in sorted(days.items()):
                yield Stored(f"{org}/{sha[:2]}/{sha}", NOW_MS - age * DAY_MS)

    async def delete(self, name: str, before_ms: int) -> bool:
        if self.down:
            raise Unavailable("objects", "delete")
        org, _, sha = name.split("/")
        if NOW_MS - self.days[org][sha] * DAY_MS >= before_ms:
            return False
        del self.days[org][sha]
        return True

    async def referred(self, org_id: str, hashes: Sequence[str] | None = None) -> set[str]:
        if hashes is None:
            self.scans += 1
            return self.calls
        return self.history.intersection(hashes)

    async def open_since_ms(self, org_id: str) -> int | None:
        return None if self.open_days is None else NOW_MS - self.open_days * DAY_MS

    async def note(self, org_id: str, hashes: Sequence[str], now_ms: int) -> None:
        for sha in hashes:
            self.noted.setdefault((org_id, sha), now_ms)

    async def due(self, org_id: str, hashes: Sequence[str], until_ms: int) -> list[str]:
        return [sha for sha in hashes if self.noted[org_id, sha] <= until_ms]

    async def forget(self, org_id: str, hashes: Collection[str]) -> None:
        for sha in hashes:
            self.noted.pop((org_id, sha), None)


def sweeper(world: World, **days_of: int) -> ObjectSweeper:
    return ObjectSweeper(KeptDays(0, days_of), world, world, world)


async def test_two_sweeps_a_day_apart_delete_what_nothing_refers_to() -> None:
    world = World(acme={"aa1": 40, "bb2": 40, "cc3": 40, "dd4": 5}, other={"ee5": 400})
    world.history, world.calls = {"bb2"}, {"cc3"}
    sweep = sweeper(world, acme=30)
    assert await sweep.sweep(NOW_MS) == {}
    assert await sweep.sweep(NOW_MS + DAY_MS - 1) == {}
    assert await sweep.sweep(NOW_MS + DAY_MS) == {"acme": 1}
    assert world.days == {"acme": {"bb2": 40, "cc3": 40, "dd4": 5}, "other": {"ee5": 400}}
    assert world.noted == {}


async def test_reference_that_comes_in_between_gives_another_day() -> None:
    world = World(acme={"aa1": 40})
    sweep = sweeper(world, acme=30)
    await sweep.sweep(NOW_MS)
    world.history = {"aa1"}
    assert await sweep.sweep(NOW_MS + DAY_MS) == {}
    world.history = set()
    assert await sweep.sweep(NOW_MS + 2 * DAY_MS) == {}
    assert await sweep.sweep(NOW_MS + 3 * DAY_MS) == {"acme": 1}


async def test_what_an_open_run_may_have_stored_stays() -> None:
    world = World(acme={"aa1": 40, "bb2": 60})
    world.open_days = 50
    sweep = sweeper(world, acme=30)
    await sweep.sweep(NOW_MS)
    assert await sweep.sweep(NOW_MS + DAY_MS) == {"acme": 1}
    assert world.days["acme"] == {"aa1": 40}


async def test_sweep_that_is_cut_continues_and_one_that_failed_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "LISTED", 2)
    monkeypatch.setattr(objects, "BATCH", 2)
    world = World(acme={f"{n:03}": 40 for n in range(5)}, other={"aa1": 40})
    sweep = sweeper(world, acme=30, other=30)

    async def whole(now_ms: int) -> int:
        count = sum((await sweep.sweep(now_ms)).values())
        while sweep.cut:
            count += sum((await sweep.sweep(now_ms)).values())
        return count

    assert await whole(NOW_MS) == 0
    assert world.scans == 2
    world.down = True
    with pytest.raises(Unavailable):
        await whole(NOW_MS + DAY_MS)
    assert not sweep.cut
    world.down = False
    await whole(NOW_MS + DAY_MS)
    assert world.days == {"acme": {}, "other": {}}


async def test_nothing_is_listed_without_days() -> None:
    world = World(acme={"aa1": 400})
    assert await sweeper(world).sweep(NOW_MS) == {}
    assert world.scans == 0
