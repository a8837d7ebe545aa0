"""Which runs may be deleted by request."""

from collections.abc import Sequence

import pytest

from connectors.postgres.history.run_deletion import EndedRun
from schemas.errors import Conflict, NotFound
from services.retention.deletion import SETTLES_MS, Deletion

NOW_MS = 1_800_000_000_000


class Stores:
    def __init__(self, run: EndedRun | None) -> None:
        self.run = run
        self.done: list[str] = []

    async def find(self, org_id: str, run_id: str) -> EndedRun | None:
        return self.run

    async def remember(self, org_id: str, run_id: str, by: str) -> None:
        self.done.append(f"remember {org_id} {run_id} {by}")

    async def forget(self, run_id: str) -> None:
        self.done.append(f"forget {run_id}")

    async def delete(self, org_id: str, run_ids: Sequence[str]) -> None:
        self.done.append(f"delete {org_id} {run_ids}")


async def delete(run: EndedRun | None) -> list[str]:
    stores = Stores(run)
    await Deletion(stores, stores, stores, lambda: NOW_MS).delete("acme", "r1", "k1")
    return stores.done


async def test_it_is_remembered_before_anything_goes() -> None:
    done = await delete(EndedRun(False, NOW_MS - SETTLES_MS, False))
    assert done == ["remember acme r1 k1", "delete acme ['r1']", "forget r1", "delete acme ['r1']"]


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (EndedRun(True, 0, False), "has not ended; cancel it first"),
        (EndedRun(False, 0, True), "is held"),
        (EndedRun(False, NOW_MS - SETTLES_MS + 1, False), "delete it after 2027-01-15T08:00:00.001Z"),
    ],
)
async def test_what_is_open_held_or_fresh_stays(run: EndedRun, message: str) -> None:
    with pytest.raises(Conflict, match=message):
        await delete(run)


async def test_an_unknown_run_is_not_found() -> None:
    with pytest.raises(NotFound):
        await delete(None)
