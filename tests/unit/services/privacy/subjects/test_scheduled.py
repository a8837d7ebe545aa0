"""Schedules of data subjects: sealed in their row, opened for a slot, paused after an erasure."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry

from connectors.memory.engine import ManualClock
from connectors.objects.store import LocalObjects
from connectors.postgres.schedules import StoredSchedule
from schemas.errors import InvalidInput, SubjectErased
from schemas.privacy.sealed import is_sealed
from schemas.privacy.sealed_schedules import SEALED_INPUTS, subject_of_inputs
from services.privacy.subjects.personal import looks_personal
from services.privacy.subjects.scheduled import ScheduledInputs, refuse_reserved
from services.privacy.subjects.sealed_objects import SubjectObjects
from services.privacy.subjects.submission import SubjectRuns
from services.privacy.vault.keys import VaultKeys
from services.privacy.vault.memory import memory_vault
from services.runs.large_inputs import LargeInputs
from services.runs.submit import SubmissionPorts, Submissions
from streams.roles.scheduler import Scheduler, SchedulerPorts
from tests.support.values_doors import Log, Parts

ORG, PERSON = "acme", "customer-17"
INPUTS = {"v": "of Ada at {{slot}}"}
SLOT_MS = 1_795_590_000_000


@pytest.fixture
def keys() -> VaultKeys:
    return memory_vault().keys


@pytest.fixture
def objects(tmp_path: Path, keys: VaultKeys) -> SubjectObjects:
    return SubjectObjects(LocalObjects(tmp_path), keys)


@pytest.fixture
def scheduled(objects: SubjectObjects, keys: VaultKeys) -> ScheduledInputs:
    return ScheduledInputs(objects, keys)


async def test_a_row_has_the_pseudonym_and_nothing_in_clear(scheduled: ScheduledInputs) -> None:
    subject = await scheduled.pseudonym(ORG, PERSON)
    row = await scheduled.sealed(ORG, subject, INPUTS)
    assert subject_of_inputs(row) == subject
    assert not [text for text in (b"Ada", PERSON.encode(), b"slot") if text in orjson.dumps(row)]
    assert await scheduled.opened(ORG, row) == INPUTS
    assert await scheduled.opened(ORG, INPUTS) == INPUTS


async def test_the_same_inputs_are_the_same_row_and_others_are_not(scheduled: ScheduledInputs) -> None:
    subject = await scheduled.pseudonym(ORG, PERSON)
    row = await scheduled.sealed(ORG, subject, INPUTS)
    assert await scheduled.as_before(ORG, subject, INPUTS, row) == row
    other = await scheduled.pseudonym(ORG, "customer-18")
    for changed in (
        await scheduled.as_before(ORG, subject, {"v": 1}, row),
        await scheduled.as_before(ORG, other, INPUTS, row),
        await scheduled.as_before(ORG, subject, INPUTS, INPUTS),
        await scheduled.as_before(ORG, subject, INPUTS, None),
    ):
        assert changed != row


async def test_without_keys_nothing_is_sealed_or_opened(objects: SubjectObjects, scheduled: ScheduledInputs) -> None:
    bare = ScheduledInputs(objects, None)
    row = await scheduled.sealed(ORG, await scheduled.pseudonym(ORG, PERSON), INPUTS)
    with pytest.raises(InvalidInput, match="VAULT_KEY"):
        await bare.pseudonym(ORG, PERSON)
    with pytest.raises(InvalidInput, match="VAULT_KEY"):
        await bare.opened(ORG, row)


def test_the_name_of_sealed_inputs_is_nobody_else_s() -> None:
    refuse_reserved(INPUTS)
    with pytest.raises(InvalidInput, match="sealed inputs"):
        refuse_reserved({SEALED_INPUTS: {}})


class Rows:
    """The row of one schedule, which is leased once it is due."""

    def __init__(self, inputs: dict[str, Any]) -> None:
        timing = {"cron": None, "interval_s": 60, "time_zone": "UTC", "overlap": "allow", "catchup": "all"}
        slots = {"next_slot_ms": SLOT_MS, "queued_slot_ms": None, "last_slot_ms": None, "last_run_id": None}
        rest = {"problem": None, "problem_slot_ms": None, "created_ms": 0, "updated_ms": 0, "skipped": 0}
        defined = {"workflow_name": "w", "workflow_version": None, "tags": {}, "budget_nano": None, "project": None}
        about: dict[str, Any] = {"id": "sch_1", "org_id": ORG, "name": "n", "inputs": inputs, "paused": False}
        self.row = StoredSchedule(**about, **defined, **timing, **slots, **rest, catchup_limit=10)  # type: ignore[arg-type]

    async def lease_due(self, now_ms: int, *_: object) -> list[StoredSchedule]:
        due = self.row.next_slot_ms is not None and self.row.next_slot_ms <= now_ms and not self.row.paused
        return [self.row] if due else []

    async def settle(self, before: StoredSchedule, changes: dict[str, Any]) -> StoredSchedule | None:
        self.row = StoredSchedule(**(asdict(before) | changes))
        return None if self.row.paused else self.row

    async def release(self, *_: object) -> None: ...

    async def lease(self, _: float) -> None: ...


def scheduler(rows: Rows, log: Log, objects: SubjectObjects, keys: VaultKeys, *, opens: bool = True) -> Scheduler:
    anything: Any = Parts()
    ports = SubmissionPorts(
        plans=anything,
        markers=anything,
        history=anything,
        appender=log,
        large_inputs=LargeInputs(objects),
        subjects=SubjectRuns(objects, keys, looks_personal),
    )
    held: Any = rows
    every = SchedulerPorts(
        schedules=held,
        backfills=held,
        submissions=Submissions(ports),
        history=anything,
        markers=anything,
        appender=log,
        inputs=ScheduledInputs(objects, keys) if opens else None,
    )
    return Scheduler(every, ManualClock(SLOT_MS), CollectorRegistry())


async def test_a_slot_is_a_sealed_run_and_after_an_erasure_the_schedule_is_paused(
    objects: SubjectObjects, keys: VaultKeys, scheduled: ScheduledInputs
) -> None:
    subject, log = await scheduled.pseudonym(ORG, PERSON), Log()
    rows = Rows(await scheduled.sealed(ORG, subject, INPUTS))
    one = scheduler(rows, log, objects, keys)
    await one.tick()
    (run,) = log.taken()
    assert run.subject == subject
    assert is_sealed(run.stored_inputs["v"])
    assert await objects.resolve(ORG, run.stored_inputs["v"]) == "of Ada at 2026-11-25T07:00:00Z"
    assert b"Ada" not in orjson.dumps(asdict(rows.row))
    await keys.erase(ORG, subject)
    keys.forget(ORG, subject)
    rows.row = StoredSchedule(**(asdict(rows.row) | {"next_slot_ms": SLOT_MS}))
    await one.tick()
    assert log.taken() == []
    assert rows.row.paused
    assert rows.row.problem is not None
    with pytest.raises(SubjectErased):
        await scheduled.opened(ORG, rows.row.inputs)


async def test_a_scheduler_without_keys_says_so_and_starts_nothing(
    objects: SubjectObjects, keys: VaultKeys, scheduled: ScheduledInputs
) -> None:
    log = Log()
    rows = Rows(await scheduled.sealed(ORG, await scheduled.pseudonym(ORG, PERSON), INPUTS))
    await scheduler(rows, log, objects, keys, opens=False).tick()
    assert log.taken() == []
    assert "VAULT_KEY" in (rows.row.problem or "")
    assert not rows.row.paused
