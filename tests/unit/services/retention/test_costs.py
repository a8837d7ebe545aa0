"""Which hours of settlements are added up, and when what is added up is deleted."""

import pytest

from schemas.errors import Unavailable
from services.retention.costs import HOUR_MS, CostSweeper
from services.retention.sweeper import DAY_MS, KeptDays

NOW_MS = 1_000 * DAY_MS + 1_234


class Costs:
    """Hours by organisation; a list of them has two."""

    def __init__(self, **hours: list[int]) -> None:
        self.hours_of = hours
        self.acts: list[tuple[str, int]] = []
        self.down = False

    async def organisations(self) -> list[str]:
        return sorted(self.hours_of)

    async def hours(self, org_id: str, before_ms: int) -> list[int]:
        assert before_ms % HOUR_MS == 0
        return [hour for hour in self.hours_of[org_id] if hour < before_ms][:2]

    async def add_up(self, org_id: str, hour: int) -> None:
        if self.down:
            raise Unavailable("clickhouse", "insert")
        self.hours_of[org_id].remove(hour)
        self.acts.append(("add_up", hour))

    async def delete(self, org_id: str, before_ms: int) -> bool:
        self.acts.append((f"delete {org_id}", before_ms))
        return True


async def test_rows_are_deleted_when_no_hour_is_left() -> None:
    old = [NOW_MS - 200 * DAY_MS + n for n in range(3)]
    costs = Costs(acme=[*old, NOW_MS], other=[NOW_MS - 300 * DAY_MS])
    sweeper = CostSweeper(KeptDays(0, {"acme": 100}), costs, costs)
    assert await sweeper.sweep(NOW_MS) == {"acme": 2}
    assert sweeper.cut
    costs.down = True
    with pytest.raises(Unavailable):
        await sweeper.sweep(NOW_MS)
    costs.down = False
    assert await sweeper.sweep(NOW_MS) == {"acme": 1}
    assert not [act for act, _ in costs.acts if act.startswith("delete")]
    assert await sweeper.sweep(NOW_MS) == {}
    assert not sweeper.cut
    assert costs.acts[-1] == ("delete acme", (NOW_MS - 100 * DAY_MS) // HOUR_MS * HOUR_MS)
    assert costs.hours_of == {"acme": [NOW_MS], "other": [NOW_MS - 300 * DAY_MS]}


async def test_nobody_is_asked_without_days() -> None:
    assert await CostSweeper(KeptDays(), Costs(acme=[0]), Costs()).sweep(NOW_MS) == {}
