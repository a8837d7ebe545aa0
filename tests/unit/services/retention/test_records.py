"""Records of runs outside of history: traces go first, then each run takes its view back."""

from collections.abc import Sequence

import pytest

from connectors.ports.engine import OutRecord
from schemas.errors import Unavailable
from services.retention.records import RunRecords


class Stores:
    """Traces and the log in one; notes what is done, in order."""

    def __init__(self) -> None:
        self.done: list[object] = []
        self.down = False

    async def delete(self, org_id: str, run_ids: Sequence[str]) -> None:
        if self.down:
            raise Unavailable("clickhouse", "delete traces")
        self.done.append((org_id, list(run_ids)))

    async def append(self, records: Sequence[OutRecord]) -> None:
        self.done += records


async def test_each_run_takes_its_view_back_after_its_traces() -> None:
    stores = Stores()
    await RunRecords(stores, stores).delete("acme", ["a", "b"])
    taken = [OutRecord("run-views", b"a", None), OutRecord("run-views", b"b", None)]
    assert stores.done == [("acme", ["a", "b"]), *taken]


async def test_views_stay_while_traces_cannot_be_deleted() -> None:
    stores = Stores()
    stores.down = True
    with pytest.raises(Unavailable):
        await RunRecords(stores, stores).delete("acme", ["a"])
    assert stores.done == []
