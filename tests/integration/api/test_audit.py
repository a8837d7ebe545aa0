"""The audit log over HTTP: acts are recorded first, and what is read proves itself."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from connectors.ports.engine import InRecord
from connectors.postgres.audit.overdue import AuditOverdue
from connectors.postgres.audit.writing import AuditWrites
from connectors.postgres.database import Database
from schemas.audit.notes import Checkpoint
from schemas.audit.proofs import is_consistent, is_included
from schemas.audit.verifying import Manifest, line_leaf, verify
from schemas.configuration.audit_days import AuditDays
from schemas.errors import Unavailable
from schemas.records.definitions import AuditEvent
from services.retention.audit_entries import AuditSweeper
from streams.roles.audit import AuditSink, open_record
from tests.support.api import Running
from tests.support.audit import AT_MS, KEY, audit_event, audit_record
from topics.catalogue import AUDIT_EVENTS

AUDIT = "/api/v1/audit"


class Chain:
    """The role, as far as these tests need it: it chains what the API has recorded so far."""

    def __init__(self, api: Running, database: Database) -> None:
        self._api = api
        self.database = database
        self._sink = AuditSink(AuditWrites(database, KEY.public.text), KEY, self._send, lambda _effect, _count: None)
        self._done = 0

    async def _send(self, records: Any) -> None:
        """Drop checkpoints: other tests read them."""

    async def recorded(self) -> None:
        """Chain what the API recorded."""
        await self._api.app.state.services.audit.auditing.flush(all_minutes=True)
        records = [one for one in self._api.log.records if one.topic == AUDIT_EVENTS][self._done :]
        self._done += len(records)
        if records:
            read = [InRecord(one.topic, 0, place, AT_MS, one.key, one.value) for place, one in enumerate(records)]
            await self._sink.write([(record, open_record(record)) for record in read])

    async def events(self, *events: AuditEvent) -> None:
        """Chain these."""
        await self._sink.write([audit_record(event) for event in events])


@pytest.fixture
async def chain(api: Running, dsn: str) -> AsyncIterator[Chain]:
    database = Database(dsn, timeout_s=10)
    yield Chain(api, database)
    await database.close()


async def body_of(client: httpx.AsyncClient, path: str, **params: Any) -> Any:
    answer = await client.get(f"{AUDIT}{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def exported(client: httpx.AsyncClient) -> list[bytes]:
    found = (await body_of(client, "/checkpoints", limit=1000))["checkpoints"]
    lines: list[str] = []
    first: int | None = 0
    while first is not None:
        page = await body_of(client, "/lines", first=first, size=found[0]["size"], limit=7)
        assert page["first"] == first
        lines += page["lines"]
        first = page["next"]
    manifest = Manifest(found[0]["origin"], [one["note"] for one in reversed(found)])
    return [msgspec.json.encode(manifest), *(line.encode() for line in lines)]


async def test_acts_denials_and_uses_are_entries(api: Running, chain: Chain) -> None:
    made = (await api.client.post("/api/v1/keys", json={"name": "ci", "permissions": ["read"]})).json()
    async with api.as_key(made["key"]) as reader:
        assert (await reader.post("/api/v1/keys", json={"name": "more"})).status_code == 403
        assert (await reader.get(AUDIT)).status_code == 403
    async with api.as_key("af_0123456789abcdef_" + "x" * 43) as unknown:
        assert (await unknown.get("/api/v1/keys")).status_code == 401
    assert (await api.client.delete(f"/api/v1/keys/{made['id']}")).status_code == 204
    await chain.recorded()
    entries = (await body_of(api.client, ""))["entries"]
    events = {entry["event"]["action"]: entry["event"] for entry in entries}
    assert events["create_key"]["details"]["body"] == '{"name":"ci","permissions":["read"]}'
    assert "kind" not in events["create_key"], "defaults are left out"
    assert events["revoke_key"]["subject"] == f"keys/{made['id']}"
    denials = (await body_of(api.client, "", kind="denial"))["entries"]
    assert {entry["event"]["actor"] for entry in denials} >= {f"key:{made['id']}", "unknown:0123456789abcdef"}
    uses = (await body_of(api.client, "", kind="key_use", actor=f"key:{made['id']}"))["entries"]
    assert sum(entry["event"].get("count", 1) for entry in uses) == 2
    assert made["key"] not in "".join(str(entry) for entry in entries)
    assert verify(await exported(api.client), [KEY.public]).intact


async def test_an_act_that_cannot_be_recorded_has_no_effect(api: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async def down(_: object) -> None:
        raise Unavailable("kafka", "no acknowledgement within 1.5 s")

    before = len((await api.client.get("/api/v1/keys")).json()["keys"])
    monkeypatch.setattr(api.app.state.services.audit.auditing._appender, "append", down)
    answer = await api.client.post("/api/v1/keys", json={"name": "ci"})
    assert answer.status_code == 503
    assert answer.json()["dependency"] == "kafka"
    assert len((await api.client.get("/api/v1/keys")).json()["keys"]) == before


async def test_pages_filters_and_proofs(api: Running, chain: Chain) -> None:
    org = api.org_id
    events = [audit_event(n, event_id=f"{org}/{n}", org_id=org, run_id=f"run-{n % 2}") for n in range(300)]
    await chain.events(*events[:111])
    old = Checkpoint.read(KEY.public.verified((await body_of(api.client, "/checkpoint"))["note"]))
    await chain.events(*events[111:])
    page = await body_of(api.client, "", run_id="run-1", limit=100)
    assert [entry["index"] for entry in page["entries"]] == [*range(299, 99, -2)]
    rest = await body_of(api.client, "", run_id="run-1", limit=100, cursor=page["next_cursor"])
    assert [entry["index"] for entry in rest["entries"]] == [*range(99, -1, -2)]
    since = await body_of(api.client, "", since="2027-01-15T08:00:00.290Z")
    assert [entry["index"] for entry in since["entries"]] == [*range(299, 289, -1)]
    note = (await body_of(api.client, "/checkpoint"))["note"]
    new = Checkpoint.read(KEY.public.verified(note))
    assert new.size == 300
    for index in (0, 110, 255, 256, 299):
        proof = await body_of(api.client, "/proof", index=index)
        hashes = [base64.b64decode(one) for one in proof["hashes"]]
        assert is_included(line_leaf(index, proof["line"].encode()), index, 300, hashes, new.root)
        assert len(hashes) <= 9
    shown = await body_of(api.client, "/consistency", old=111)
    assert is_consistent(111, old.root, 300, new.root, [base64.b64decode(one) for one in shown["hashes"]])
    assert (await body_of(api.client, "/key"))["keys"] == [KEY.public.text]
    result = verify(await exported(api.client), [KEY.public], [note])
    assert (result.intact, result.entries) == (True, 300)


async def test_retention_leaves_hashes_and_holds_keep_everything(api: Running, chain: Chain) -> None:
    org = api.org_id
    uses = [audit_event(n, event_id=f"{org}/u{n}", org_id=org, kind="key_use", at_ms=1_000 + n) for n in range(9)]
    await chain.events(*uses)
    hold = {"name": "case-7", "reason": "case 7", "actor": "key:0"}
    assert (await api.client.post(f"{AUDIT}/holds", json=hold)).status_code == 201
    assert (await api.client.post(f"{AUDIT}/holds", json=hold)).status_code == 409
    assert [one["name"] for one in (await body_of(api.client, "/holds"))["holds"]] == ["case-7"]
    answer = await api.client.post(f"{AUDIT}/expire", json={"kind": "key_use", "before": "1d"})
    assert answer.status_code == 202, answer.text
    await chain.recorded()
    found = (await body_of(api.client, "", kind="key_use", until="1970-01-02T00:00:00Z"))["entries"]
    assert {entry["index"] for entry in found if entry["event"] is not None} == {0, 3, 6}
    assert len(found) == 9
    result = verify(await exported(api.client), [KEY.public])
    assert (result.intact, result.removed) == (True, 6)
    assert (await api.client.delete(f"{AUDIT}/holds/case-7")).status_code == 204
    assert (await api.client.delete(f"{AUDIT}/holds/case-7")).status_code == 404


async def test_days_by_kind_expire_what_nobody_holds(api: Running, chain: Chain) -> None:
    org = api.org_id
    await chain.events(*[audit_event(n, event_id=f"{org}/d{n}", org_id=org, kind="restore", at_ms=n) for n in range(3)])
    said: list[AuditEvent] = []

    async def say(event: AuditEvent) -> None:
        said.append(event)

    sweeper = AuditSweeper(AuditDays({"restore": 1}), AuditOverdue(chain.database), say)
    await sweeper.sweep(AT_MS)
    mine = [one for one in said if one.org_id == org]
    assert [one.details["kind"] for one in mine] == ["restore"]
    hold = {"name": "case-8", "reason": "case 8", "kind": "restore"}
    assert (await api.client.post(f"{AUDIT}/holds", json=hold)).status_code == 201
    said.clear()
    await sweeper.sweep(AT_MS)
    assert [one for one in said if one.org_id == org] == []
    assert (await api.client.delete(f"{AUDIT}/holds/case-8")).status_code == 204
    await chain.events(*mine)
    found = (await body_of(api.client, "", kind="restore"))["entries"]
    assert [entry["event"] for entry in found] == [None] * 3
    said.clear()
    await sweeper.sweep(AT_MS)
    assert [one for one in said if one.org_id == org] == []


async def test_a_log_is_of_one_organisation_and_none_before_its_first_entry(api: Running, chain: Chain) -> None:
    await chain.events(audit_event(1, event_id="others/1", org_id="others"))
    assert (await body_of(api.client, ""))["entries"] == []
    for path in ("/checkpoint", "/checkpoint?size=1", "/lines", "/proof?index=0", "/consistency?old=1"):
        assert (await api.client.get(f"{AUDIT}{path}")).status_code == 404
    await chain.events(audit_event(1, event_id=f"{api.org_id}/1", org_id=api.org_id))
    assert (await api.client.get(f"{AUDIT}/proof", params={"index": 1})).status_code == 422
    assert (await api.client.get(f"{AUDIT}/consistency", params={"old": 2})).status_code == 422
    assert (await api.client.get(AUDIT, params={"since": "soon"})).status_code == 422
    assert (await api.client.get(AUDIT, params={"cursor": "x"})).status_code == 422
