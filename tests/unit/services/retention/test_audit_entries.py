"""Audit entries that are over: each log and kind is told so once a day, in whole days."""

import pytest

from schemas.audit.verifying import EXPIRED
from schemas.configuration.audit_days import AuditDays
from schemas.errors import Unavailable
from schemas.records.definitions import AuditEvent
from services.retention.audit_entries import DAY_MS, AuditSweeper

NOW_MS = 20_000 * DAY_MS + 5_000


class Entries:
    def __init__(self, **logs: list[str]) -> None:
        self.logs = logs
        self.asked: list[tuple[str, int]] = []

    async def organisations(self, kind: str, before_ms: int) -> list[str]:
        self.asked.append((kind, before_ms))
        if kind not in self.logs:
            raise Unavailable("postgres", "find old audit entries")
        return self.logs[kind]


async def test_each_log_that_has_some_gets_an_entry() -> None:
    said: list[AuditEvent] = []

    async def say(event: AuditEvent) -> None:
        said.append(event)

    entries = Entries(key_use=["acme", "other"], decisions=[])
    sweeper = AuditSweeper(AuditDays({"key_use": 90, "decisions": 365}), entries, say)
    assert await sweeper.sweep(NOW_MS) == 2
    before = 19_910 * DAY_MS
    assert entries.asked == [("key_use", before), ("decisions", 19_635 * DAY_MS)]
    assert [(one.org_id, one.actor, one.action, one.kind) for one in said] == [
        ("acme", "role:retention", EXPIRED, "admin"),
        ("other", "role:retention", EXPIRED, "admin"),
    ]
    assert said[0].details == {"kind": "key_use", "before_ms": str(before)}
    # Later on the same day it means the same entries, and is the same event.
    again = await sweeper.sweep(NOW_MS + DAY_MS // 2)
    assert (again, said[2].event_id, said[2].details) == (2, said[0].event_id, said[0].details)
    await sweeper.sweep(NOW_MS + DAY_MS)
    assert said[4].event_id != said[0].event_id


async def test_nothing_is_asked_without_days_and_a_store_that_is_down_says_so() -> None:
    async def say(event: AuditEvent) -> None:
        raise AssertionError(event)

    assert await AuditSweeper(AuditDays({}), Entries(), say).sweep(NOW_MS) == 0
    with pytest.raises(Unavailable):
        await AuditSweeper(AuditDays({"label": 1}), Entries(), say).sweep(NOW_MS)


async def test_an_organisation_has_days_of_its_own() -> None:
    said: list[AuditEvent] = []

    async def say(event: AuditEvent) -> None:
        said.append(event)

    entries = Entries(key_use=["acme", "other", "third"], denial=["acme", "other"])
    days = AuditDays({"key_use": 90}, {"acme": {"key_use": 30, "denial": 7}, "third": {"key_use": 0}})
    assert await AuditSweeper(days, entries, say).sweep(NOW_MS) == 3
    found = {(one.org_id, one.subject): int(one.details["before_ms"]) // DAY_MS for one in said}
    assert found == {("other", "key_use"): 19_910, ("acme", "key_use"): 19_970, ("acme", "denial"): 19_993}
