"""What became of an update, of what the run's table and history say; and how long its sender waits."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.errors import InvalidInput
from schemas.payload import inline
from schemas.tables.signals import Kept, Signals
from services.runs.updates import Updates, unknown_update

ID = "a" * 32
DAG = {
    "nodes": [
        {"id": "ask", "type": "signal", "config": {"name": "go", "answer": "reply.output.text"}},
        {"id": "reply", "type": "function", "config": {"function_name": "merge"}},
        {"id": "other", "type": "signal", "config": {"name": "stop"}},
    ],
    "edges": [{"from": "ask", "to": "reply"}],
}


@dataclass
class Stores:
    """A run's signals, its line in history and its steps; each look may change them by ``then``."""

    signals: Signals = field(default_factory=Signals)
    status_: str | None = "running"
    steps: dict[str, str] = field(default_factory=dict)
    then: list[Any] = field(default_factory=list)
    looks: int = 0

    async def kept(self, _run: str) -> Signals:
        self.looks += 1
        if self.then:
            self.then.pop(0)()
        return self.signals

    async def status(self, org: str, _run: str) -> Any:
        known = self.status_ is not None and org == "acme"
        return SimpleNamespace(status=self.status_, workflow_name="flow", workflow_version=1) if known else None

    async def some(self, _org: str, _run: str, ids: list[str]) -> list[Any]:
        return [SimpleNamespace(step_id=one, status=self.steps[one]) for one in ids if one in self.steps]

    async def get(self, *_: Any) -> Any:
        return SimpleNamespace(spec={"name": "flow", "version": 1, "dag": DAG})


def updates(stores: Stores, **more: Any) -> Updates:
    parts: Any = stores
    return Updates(parts, parts, parts, parts, **more)


async def state(stores: Stores, org: str = "acme") -> str | None:
    found = await updates(stores).find(org, "run", ID)
    return None if found is None else found.state


GIVEN = Signals(ids=(ID,), given=((ID, "ask"),))


@pytest.mark.parametrize(
    ("stores", "expected"),
    [
        (Stores(), None),
        (Stores(Signals(kept=(Kept("go", inline(1), 1, ID),), ids=(ID,))), "pending"),
        (Stores(Signals(ids=(ID,)), status_="canceled"), "failed"),
        (Stores(GIVEN), "pending"),
        (Stores(GIVEN, steps={"reply": "running"}), "pending"),
        (Stores(GIVEN, steps={"reply": "succeeded"}), "answered"),
        (Stores(GIVEN, steps={"reply": "succeeded"}, status_="failed"), "answered"),
        (Stores(GIVEN, steps={"reply": "failed"}), "failed"),
        (Stores(GIVEN, steps={"reply": "skipped"}), "failed"),
        (Stores(GIVEN, status_="failed"), "failed"),
        (Stores(Signals(ids=(ID,), given=((ID, "other"),))), None),
        (Stores(GIVEN, status_=None), None),
    ],
)
async def test_the_state_follows_from_signals_steps_and_the_run(stores: Stores, expected: str | None) -> None:
    assert await state(stores) == expected


async def test_another_organisation_knows_nothing_of_it() -> None:
    assert await state(Stores(GIVEN, steps={"reply": "succeeded"}), "other") is None


async def test_a_sender_waits_until_the_answer_is_there() -> None:
    stores = Stores()
    stores.then = [
        lambda: None,
        lambda: setattr(stores, "signals", GIVEN),
        lambda: stores.steps.update(reply="succeeded"),
    ]
    found = await updates(stores).wait("acme", "run", ID, 30)
    assert found.step is not None
    assert (found.state, found.step.step_id, found.path, stores.looks) == ("answered", "reply", ["text"], 3)


async def test_a_sender_waits_no_longer_than_it_says() -> None:
    times = iter((0.0, 0.5, 1.0, 5.0))
    stores = Stores(GIVEN)
    found = await updates(stores, monotonic=lambda: next(times)).wait("acme", "run", ID, 1.01)
    assert (found.state, stores.looks) == ("pending", 3)


async def test_a_signal_that_nobody_answers_is_no_update() -> None:
    await updates(Stores()).check_answers("acme", "flow", 1, "go")
    with pytest.raises(InvalidInput, match=r"has an `answer`.*updates are go"):
        await updates(Stores()).check_answers("acme", "flow", 1, "stop")
    assert "knows no update" in str(unknown_update("run", ID))
