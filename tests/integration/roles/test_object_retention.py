"""Stored objects leave when nothing kept refers to them; what a held, an open or a kept run refers to stays."""

import os
import time
import uuid
from pathlib import Path

from msgspec.structs import replace

from connectors.clickhouse.client import ClickHouse
from connectors.clickhouse.retention.captured_objects import CapturedObjects
from connectors.objects.backends import DirectoryBlobs
from connectors.objects.store import Objects
from connectors.postgres.database import Database
from connectors.postgres.history.object_references import ObjectReferences
from connectors.postgres.history.run_deletion import RunDeletion
from connectors.postgres.history.run_holds import RunHold, RunHolds
from connectors.postgres.history.run_writes import RunWrites
from schemas.payload import Reference
from schemas.privacy.sealed import object_uri
from schemas.records.base import ErrorInfo
from services.retention.objects import ObjectSweeper
from services.retention.sweeper import DAY_MS, KeptDays, Sweeper
from tests.integration.roles.test_history import step
from tests.integration.roles.test_retention import NOW_MS, database, org, run

__all__ = ["database", "org"]


class Place:
    """An organisation's objects, history and captured calls."""

    def __init__(self, root: Path, database: Database, clickhouse: ClickHouse, org: str) -> None:
        self.root, self.org, self.database = root, org, database
        self.blobs = DirectoryBlobs(root)
        self.objects = Objects(self.blobs)
        self.sweeper = ObjectSweeper(
            KeptDays(0, {org: 30}), self.blobs, ObjectReferences(database), CapturedObjects(clickhouse)
        )

    async def store(self, text: str, days: int) -> Reference:
        """Store bytes as of so many days ago."""
        found = await self.objects.put(self.org, text.encode() * 100)
        self.age(found, days)
        return found

    def age(self, reference: Reference, days: int) -> None:
        at_s = (NOW_MS - days * DAY_MS) / 1000
        os.utime(self.path(reference), (at_s, at_s))

    def path(self, reference: Reference) -> Path:
        return self.root / self.org / reference.sha256[:2] / reference.sha256

    async def sweep(self, now_ms: int) -> int:
        return (await self.sweeper.sweep(now_ms)).get(self.org, 0)


class NoTraces:
    async def delete(self, org_id: str, run_ids: object) -> None:
        pass


async def test_objects_leave_with_the_last_that_refers_to_them(
    tmp_path: Path, database: Database, store: ClickHouse, org: str
) -> None:
    place = Place(tmp_path, database, store, org)
    names = ("free", "output", "step", "error", "input", "sealed", "captured", "old_run", "young", "held")
    stored = {name: await place.store(name, 5 if name == "young" else 60) for name in names}
    sealed = Reference(uri=object_uri(org, "subject", stored["sealed"].sha256), sha256=stored["sealed"].sha256, size=10)
    await RunWrites(database).write(
        [
            replace(run("kept", org, 10), output={"a": stored["output"]}, stored_inputs={"text": stored["input"]}),
            replace(run("stepped", org, 10), steps=[replace(step("a", "succeeded"), output=stored["step"])]),
            replace(run("failed", org, 10, "failed"), error=ErrorInfo(code="x", message="", sealed=stored["error"])),
            replace(run("erasable", org, 10), output={"a": sealed}),
            replace(run("old", org, 60), output={"a": stored["old_run"]}),
            replace(run("case", org, 60), output={"a": stored["held"]}),
        ]
    )
    reference = '{"kind":"reference","uri":"objects:///%s/%s","sha256":"%s"}'
    said = reference % (org, stored["captured"].sha256, stored["captured"].sha256)
    await store.insert(
        "provider_calls", ("org_id", "run_id", "call_id", "request"), [(org, "r", uuid.uuid4().hex, said)]
    )
    await RunHolds(database).create(org, RunHold("case", "a case", f"{org}-case", None, None, None, "k1"))
    assert await place.sweep(NOW_MS) == 0
    assert await place.sweep(NOW_MS + DAY_MS) == 1
    assert not place.path(stored["free"]).exists()
    await Sweeper(KeptDays(0, {org: 30}), RunDeletion(database), NoTraces()).sweep(NOW_MS)
    assert await place.sweep(NOW_MS + 2 * DAY_MS) == 0
    assert await place.sweep(NOW_MS + 3 * DAY_MS) == 1
    assert {name for name in names if place.path(stored[name]).exists()} == set(names) - {"free", "old_run"}
    left = await database.fetch("what is noted", "SELECT 1 FROM object_due WHERE org_id = $1", org)
    assert left == []


async def test_open_run_keeps_what_was_stored_since_and_equal_bytes_are_young_again(
    tmp_path: Path, database: Database, store: ClickHouse, org: str
) -> None:
    place = Place(tmp_path, database, store, org)
    again, waiting, before = [await place.store(name, days) for name, days in (("a", 60), ("b", 40), ("c", 60))]
    await RunWrites(database).write([run("waits", org, 50, "running")])
    assert await place.sweep(NOW_MS) == 0
    # Another run stores the same: a reference that nobody has seen yet.
    assert (await place.objects.put(org, b"a" * 100)).sha256 == again.sha256
    place.age(again, 0)
    assert await place.sweep(NOW_MS + DAY_MS) == 1
    assert [place.path(one).exists() for one in (again, waiting, before)] == [True, True, False]


async def test_file_that_is_stored_during_its_deletion_stays(tmp_path: Path) -> None:
    blobs = DirectoryBlobs(tmp_path)
    await blobs.write("acme/ab/one", b"data")
    assert not await blobs.delete("acme/ab/one", int(time.time() * 1000) - 60_000)
    assert await blobs.read("acme/ab/one", 100) == b"data"
    assert not await blobs.delete("acme/ab/none", 2**50)
    assert await blobs.delete("acme/ab/one", 2**50)
    assert [one.name async for one in blobs.stored()] == []
