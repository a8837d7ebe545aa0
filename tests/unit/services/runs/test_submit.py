"""Equal submissions at once: one of them is the first."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from connectors.objects.store import LocalObjects
from connectors.ports.engine import OutRecord
from connectors.redis.submission_markers import Marker, Receipt
from schemas.api_models.runs import SubmitRun
from schemas.errors import Unavailable
from services.runs.known_runs import KnownRuns
from services.runs.large_inputs import LargeInputs
from services.runs.submit import SubmissionPorts, Submissions
from tests.support.values_doors import Parts


class Markers(Parts):
    """The markers as Redis keeps them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, Marker] = {}

    async def claim(self, receipts: Sequence[Receipt]) -> list[Any]:
        await asyncio.sleep(0)
        there = [self.found.get(one.run_id) for one in receipts]
        for one in receipts:
            self.found.setdefault(one.run_id, Marker(one.body_hash, None))
        return there

    async def confirm(self, receipts: Any) -> None:
        self.found |= {one.run_id: Marker(one.body_hash, one) for one in receipts}


class SlowLog:
    """Takes a moment to acknowledge, and fails while ``down``."""

    def __init__(self) -> None:
        self.down = False

    async def append(self, records: Sequence[OutRecord]) -> None:
        await asyncio.sleep(0.01)
        if self.down:
            raise Unavailable("kafka", "append: no broker answers")


def api(markers: Any, log: SlowLog, directory: Path, known: KnownRuns | None = None) -> Submissions:
    """Return the submissions of one process of the API."""
    large = LargeInputs(LocalObjects(directory))
    ports = SubmissionPorts(
        plans=markers, markers=markers, history=markers, appender=log, large_inputs=large, known=known
    )
    return Submissions(ports)


async def submit(to: Submissions, key: str | None = "key") -> bool:
    record = await to.prepare("acme", "api", key, SubmitRun(workflow_name="w", inputs={"v": 1}))
    return (await to.submit(record)).duplicate


async def test_of_ten_equal_submissions_at_once_one_is_no_duplicate(tmp_path: Path) -> None:
    markers, log = Markers(), SlowLog()
    processes = [api(markers, log, tmp_path) for _ in range(5)]
    said = await asyncio.gather(*(submit(one) for one in processes * 2))
    assert sorted(said) == [False] + [True] * 9


async def test_a_repeat_of_a_submission_with_an_unknown_outcome_is_a_duplicate(tmp_path: Path) -> None:
    markers, log = Markers(), SlowLog()
    log.down = True
    with pytest.raises(Unavailable):
        await submit(api(markers, log, tmp_path))
    log.down = False
    assert await submit(api(markers, log, tmp_path)) is True


async def test_submissions_without_an_id_are_no_duplicates(tmp_path: Path) -> None:
    markers, log = Markers(), SlowLog()
    assert [await submit(api(markers, log, tmp_path), None) for _ in range(2)] == [False, False]
