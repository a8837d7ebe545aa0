"""Random settlements in budgets of every window, and what a brute-force oracle says is spent in each.

The oracle reads clocks (``bench.budgets.calendar``) and adds up. The fold is judged live, after a restore of what it
stored, and after all of the log was folded again.
"""

import random
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from msgspec import structs

from bench.budgets.calendar import Calendar
from schemas.budgets import USER_TAG, counted, windows_of
from schemas.records.budgets import BudgetDefined
from schemas.records.money import CostEvent
from schemas.windows import LENGTHS_MS, PERIODS, WEEK_DAYS, Windows
from streams.core.budgets.counters import counter
from streams.core.budgets.fold import BudgetsFold, MoneyEvent
from streams.core.memory import MemoryState

ORG = "acme"
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago")
#: A leap day and three changes of clocks in each zone that has them.
FIRST_MS = int(datetime(2028, 1, 30, tzinfo=UTC).timestamp() * 1000)
LAST_MS = int(datetime(2029, 4, 20, tzinfo=UTC).timestamp() * 1000)
#: By how much a settlement comes after its hold, at most.
LATE_MS = 1_800_000


@dataclass
class Game:
    """A log that is played into a fold, and the oracle's sums."""

    rng: random.Random
    state: MemoryState = field(default_factory=MemoryState)
    log: list[tuple[MoneyEvent, int]] = field(default_factory=list)
    sums: dict[tuple[str, Hashable], int] = field(default_factory=dict)
    spent: dict[str, list[list[int]]] = field(default_factory=lambda: {zone: [] for zone in ZONES})
    compared: int = 0
    clock_ms: int = FIRST_MS

    def __post_init__(self) -> None:
        """Read the clocks and define the budgets."""
        self.calendars = {zone: Calendar(zone, FIRST_MS - 86_400_000, LAST_MS + 86_400_000) for zone in ZONES}
        self.budgets = {zone: [_defined(zone, windows) for windows in _windows(zone, self.rng)] for zone in ZONES}
        for budgets in self.budgets.values():
            for budget in budgets:
                self.fold(budget, FIRST_MS)

    def fold(self, event: MoneyEvent, now_ms: int) -> None:
        """Fold one record."""
        now_ms = max(now_ms, self.clock_ms)
        BudgetsFold().fold(self.state, event, now_ms, len(self.log))
        self.log.append((event, now_ms))
        self.clock_ms = now_ms

    def play(self, number: int, at_ms: int) -> None:
        """Settle one call, perhaps at its estimate first."""
        zone, amount = self.rng.choice(ZONES), self.rng.randrange(1, 10**9)
        now_ms = at_ms + self.rng.randrange(LATE_MS)
        event = _settlement(number, zone, at_ms, amount)
        if self.rng.random() < 0.2:
            estimate = structs.replace(event, kind="presumed", amount_nano=2 * amount)
            self.fold(estimate, now_ms)
        self.fold(event, now_ms)
        self.spent[zone].append([at_ms, amount])
        for budget in self.budgets[zone]:
            if not budget.sliding:
                key = budget.budget_id, self.calendars[zone].label(budget.period, at_ms, budget.week_start)
                self.sums[key] = self.sums.get(key, 0) + amount

    def differences(self, state: MemoryState, at_ms: int) -> Iterator[str]:
        """Yield where a table says another amount than the oracle, in the windows of an instant."""
        for zone, budgets in self.budgets.items():
            for budget in budgets:
                self.compared += 1
                windows = windows_of(budget.period, budget.timezone, budget.week_start, budget.sliding)
                found = counted(counter(state, ORG, budget.budget_id), windows, at_ms)
                expected = self._expected(zone, budget, windows, at_ms)
                if found != expected:
                    yield f"{budget.budget_id} at {at_ms}: {found}, and {expected} was spent"

    def _expected(self, zone: str, budget: BudgetDefined, windows: Windows, at_ms: int) -> int:
        if not budget.sliding:
            label = self.calendars[zone].label(budget.period, at_ms, budget.week_start)
            return self.sums.get((budget.budget_id, label), 0)
        since, bucket = at_ms - LENGTHS_MS[budget.period], windows.bucket_ms
        return sum(amount for at, amount in reversed(self.spent[zone]) if (at // bucket + 1) * bucket > since)

    def restored(self) -> MemoryState:
        """Return the table as its stored bytes say."""
        fold, restored = BudgetsFold(), MemoryState()
        for entity, fields in self.state.snapshot(fold.encode).items():
            for name, data in fields.items():
                restored.put(entity, name, fold.decode(entity, name, data))
        return restored

    def rebuilt(self) -> MemoryState:
        """Return the table as the log says."""
        fold, rebuilt = BudgetsFold(), MemoryState()
        for offset, (event, now_ms) in enumerate(self.log):
            fold.fold(rebuilt, event, now_ms, offset)
        return rebuilt


def play(events: int, seed: int) -> tuple[int, list[str]]:
    """Return how many amounts were compared, and the differences."""
    game = Game(random.Random(seed))  # noqa: S311 - a simulation, no secret
    found: list[str] = []
    for number, at_ms in enumerate(sorted(_times(events, game.rng))):
        game.play(number, at_ms)
        if game.rng.random() < 0.02:
            found += game.differences(game.state, game.clock_ms)
        if game.rng.random() < 0.002:
            game.state = game.restored()
    fold = BudgetsFold()
    found += game.differences(game.rebuilt(), game.clock_ms)
    if game.rebuilt().snapshot(fold.encode) != game.state.snapshot(fold.encode):
        found.append("the table that is rebuilt of the log differs from the live one")
    return game.compared, found


def _times(events: int, rng: random.Random) -> Iterator[int]:
    """Yield times all over the months, in bursts of an hour: windows of minutes have more than one settlement."""
    while events > 0:
        burst, size = rng.randrange(FIRST_MS, LAST_MS - LATE_MS), min(events, 20)
        yield from (burst + rng.randrange(3_600_000) for _ in range(size))
        events -= size


def _windows(zone: str, rng: random.Random) -> Iterator[Windows]:
    for period in PERIODS:
        yield Windows(period, zone, rng.choice(WEEK_DAYS))
    yield Windows("hour", sliding=True)
    yield Windows("day", sliding=True)


def _defined(zone: str, windows: Windows) -> BudgetDefined:
    return BudgetDefined(
        org_id=ORG,
        budget_id=f"{zone}-{windows.period}{'-sliding' if windows.sliding else ''}",
        version=1,
        name="cap",
        scope="user",
        target=zone,
        period=windows.period,
        timezone=windows.zone,
        week_start=windows.week_start,
        sliding=windows.sliding,
        limit_nano=1,
    )


def _settlement(number: int, zone: str, at_ms: int, amount: int) -> CostEvent:
    return CostEvent(
        call_id=f"call-{number}",
        org_id=ORG,
        run_id="run",
        step_id="step",
        workflow_name="flow",
        provider="local",
        model="local-silver",
        amount_nano=amount,
        booked_at_ms=at_ms,
        price_version="v",
        tags={USER_TAG: zone},
    )
