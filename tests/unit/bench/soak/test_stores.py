"""Time passes in all stores at once, however long one of them takes."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from bench.soak import stores

STAGE: Any = SimpleNamespace(system=SimpleNamespace(endpoints=SimpleNamespace(redis_url="redis://nowhere")))


async def test_hours_pass_while_a_sweep_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = asyncio.Event()

    async def endless(stage: Any) -> int:
        await asyncio.Event().wait()
        return 0

    async def hours(url: str) -> int:
        passed.set()
        return 0

    monkeypatch.setattr(stores, "sweep", endless)
    monkeypatch.setattr(stores, "let_hours_pass", hours)
    sweeping = asyncio.create_task(stores.sweep_always(STAGE, 0.001))
    await asyncio.wait_for(passed.wait(), 30)
    sweeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sweeping


async def test_what_a_sweep_raises_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(stage: Any) -> int:
        raise OSError("no store")

    monkeypatch.setattr(stores, "sweep", broken)
    monkeypatch.setattr(stores, "let_hours_pass", broken)
    with pytest.raises(OSError, match="no store"):
        await asyncio.wait_for(stores.sweep_always(STAGE, 0.001), 30)
