"""Which runs a sweep deletes, in which order, and where it continues after a failure."""

from collections.abc import Sequence

import pytest

from schemas.errors import Unavailable
from services.retention.sweeper import BATCHES, KeptDays, Sweeper

DAY_MS = 86_400_000
NOW_MS = 1_000 * DAY_MS


class Stores:
    """Runs with the days since their ends, in history and in traces."""

    def __init__(self, **runs: dict[str, int]) -> None:
        self.runs = runs
        self.traces = {run for ages in runs.values() for run in ages}
        self.batch = 2
        self.down = False

    async def organisations(self) -> list[str]:
        return sorted(self.runs)

    async def expired(self, org_id: str, before_ms: int) -> list[str]:
        old = [run for run, age in self.runs[org_id].items() if NOW_MS - age * DAY_MS < before_ms]
        return sorted(old)[: self.batch]

    async def delete(self, org_id: str, run_ids: Sequence[str]) -> None:
        assert not self.traces & set(run_ids), "traces go first"
        if self.down:
            raise Unavailable("postgres", "delete runs")
        for run in run_ids:
            del self.runs[org_id][run]


class Traces:
    def __init__(self, stores: Stores) -> None:
        self.stores = stores

    async def delete(self, org_id: str, run_ids: Sequence[str]) -> None:
        self.stores.traces -= set(run_ids)


def sweeper(stores: Stores, days: int = 0, **days_of: int) -> Sweeper:
    return Sweeper(KeptDays(days, days_of), stores, Traces(stores))


async def test_runs_are_kept_for_ever_by_default() -> None:
    stores = Stores(acme={"a": 999})
    assert await sweeper(stores).sweep(NOW_MS) == {}
    assert stores.runs == {"acme": {"a": 999}}


async def test_each_organisation_has_its_days() -> None:
    stores = Stores(acme={"a": 8, "b": 7, "c": 6, "d": 9, "e": 10}, other={"f": 8, "g": 31})
    assert await sweeper(stores, 30, acme=7).sweep(NOW_MS) == {"acme": 3, "other": 1}
    assert stores.runs == {"acme": {"b": 7, "c": 6}, "other": {"f": 8}}
    assert stores.traces == {"b", "c", "f"}


async def test_one_organisation_does_not_keep_the_others_waiting() -> None:
    stores = Stores(acme={f"r{number:04}": 9 for number in range(2 * BATCHES + 5)}, other={"o": 9})
    one = sweeper(stores, 7)
    assert await one.sweep(NOW_MS) == {"acme": 2 * BATCHES, "other": 1}
    assert one.cut
    assert await one.sweep(NOW_MS) == {"acme": 5}
    assert not one.cut


async def test_a_sweep_that_is_cut_short_is_finished_by_the_next() -> None:
    stores = Stores(acme={"a": 9})
    stores.down = True
    with pytest.raises(Unavailable):
        await sweeper(stores, 7).sweep(NOW_MS)
    stores.down = False
    assert await sweeper(stores, 7).sweep(NOW_MS) == {"acme": 1}
