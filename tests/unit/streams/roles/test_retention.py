"""The retention role: when it sweeps, and what its settings say."""

import pytest

from connectors.memory.engine import ManualClock
from schemas.errors import Unavailable
from schemas.settings import Settings
from services.retention.audit_entries import AuditSweeper
from services.retention.sweeper import KeptDays, Sweeper
from streams.roles.retention import SWEEP_EVERY_MS, RetentionTicker, Sweeps, kept_days

NOW_MS = 1_800_000_000_000


class RunSweeps(Sweeper):
    def __init__(self) -> None:
        self.at: list[int] = []
        self.down = False
        self.cut = False

    async def sweep(self, now_ms: int) -> dict[str, int]:
        self.at.append(now_ms)
        if self.down:
            raise Unavailable("postgres", "find old runs")
        return {"acme": 3}


class Others:
    cut = False

    async def sweep(self, now_ms: int) -> dict[str, int]:
        return {"acme": 5}


class AuditSweeps(AuditSweeper):
    def __init__(self) -> None:
        pass

    async def sweep(self, now_ms: int) -> int:
        return 2


async def test_it_sweeps_once_an_hour_and_again_after_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    sweeps, clock = RunSweeps(), ManualClock(NOW_MS)
    ticker = RetentionTicker(Sweeps(sweeps, Others(), Others(), AuditSweeps()), clock)
    caplog.set_level("INFO")
    await ticker.tick()
    await ticker.tick()
    assert len(sweeps.at) == 1
    assert "3 old runs of acme are deleted" in caplog.text
    assert "the costs of 5 hours of acme are added up" in caplog.text
    assert "5 stored objects of acme are deleted: nothing refers to them" in caplog.text
    assert "2 kinds of entries of audit logs are over" in caplog.text
    clock.ms += SWEEP_EVERY_MS
    sweeps.down = True
    with pytest.raises(Unavailable):
        await ticker.tick()
    sweeps.down = False
    await ticker.tick()
    assert len(sweeps.at) == 3
    assert ticker.paused() == {}


@pytest.mark.parametrize("what", ["runs", "costs", "objects"])
async def test_sweep_that_was_cut_continues_at_the_next_tick(what: str) -> None:
    sweeps, clock = RunSweeps(), ManualClock(NOW_MS)
    every = Sweeps(sweeps, Others(), Others(), AuditSweeps())
    ticker = RetentionTicker(every, clock)
    getattr(every, what).cut = True
    await ticker.tick()
    getattr(every, what).cut = False
    await ticker.tick()
    await ticker.tick()
    assert len(sweeps.at) == 2


def test_days_are_settings() -> None:
    assert kept_days(Settings.from_env({})) == KeptDays(0, {})
    said = Settings.from_env({"RUNS_DAYS": "365", "RUNS_DAYS_OF": "acme=30"})
    assert (kept_days(said).of("acme"), kept_days(said).of("other")) == (30, 365)
    with pytest.raises(ValueError, match="acme=7,other=365"):
        Settings.from_env({"RUNS_DAYS_OF": "acme=0"})


def test_costs_are_kept_longer_than_the_log_has_them() -> None:
    Settings.from_env({"COSTS_DAYS": "0", "COSTS_DAYS_OF": "acme=400"})
    for name, raw in (("COSTS_DAYS", "99"), ("COSTS_DAYS_OF", "acme=400,other=30")):
        with pytest.raises(ValueError, match="in the log for 90 days"):
            Settings.from_env({name: raw})
