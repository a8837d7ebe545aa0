"""Facts of providers and reports of evidence over HTTP, on a real database and a log that is really signed."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from connectors.ports.engine import InRecord
from connectors.postgres.audit.writing import AuditWrites
from connectors.postgres.database import Database
from schemas.clock import now_ms
from schemas.compliance.page import page_of, report_in
from schemas.compliance.report import verify_report
from schemas.records.definitions import AuditEvent
from services.security.compliance import reporting
from streams.roles.audit import AuditSink, open_record
from tests.support.api import Running
from tests.support.audit import KEY, audit_record
from tests.support.evidence import activated, decided, event
from topics.catalogue import AUDIT_EVENTS, DEFINITIONS
from topics.codec import decode

FACTS, REPORT = "/api/v1/providers/facts", "/api/v1/compliance/report"
DAY_MS = 86_400_000


class Chain:
    """The role audit: it chains what the API has recorded, as soon as it is looked for."""

    def __init__(self, api: Running, database: Database) -> None:
        self._api = api
        self._sink = AuditSink(AuditWrites(database, KEY.public.text), KEY, self._send, lambda _effect, _count: None)
        self._done = 0

    async def _send(self, records: Any) -> None:
        """Drop checkpoints."""

    async def recorded(self) -> None:
        records = [one for one in self._api.log.records if one.topic == AUDIT_EVENTS][self._done :]
        self._done += len(records)
        if records:
            at_ms = now_ms()
            read = [InRecord(one.topic, 0, place, at_ms, one.key, one.value) for place, one in enumerate(records)]
            await self._sink.write([(record, open_record(record)) for record in read])

    async def events(self, *events: AuditEvent) -> None:
        await self._sink.write([audit_record(one) for one in events])


@pytest.fixture
async def chain(api: Running, dsn: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Chain]:
    database = Database(dsn, timeout_s=10)
    chain = Chain(api, database)
    append = api.app.state.services.audit.reports._append

    async def appended(one: AuditEvent) -> None:
        await append(one)
        await chain.recorded()

    monkeypatch.setattr(api.app.state.services.audit.reports, "_append", appended)
    yield chain
    await database.close()


async def stored(dsn: str, query: str, *values: object) -> list[Any]:
    database = Database(dsn, timeout_s=10)
    try:
        return await database.fetch("read", query, *values)
    finally:
        await database.close()


async def test_facts_are_versions_that_go_to_the_log(api: Running, dsn: str) -> None:
    client, entry = api.client, {"route": "openai/*", "regions": ["eu"], "trains": None}
    first = await client.put(FACTS, json={"providers": [entry]})
    assert (first.status_code, first.json()["version"]) == (201, 1)
    again = await client.put(FACTS, json={"providers": [entry]})
    assert (again.status_code, again.json()["version"]) == (200, 1)
    assert (await client.put(FACTS, json={"providers": []})).json()["version"] == 2
    found = (await client.get(f"{FACTS}/versions/1")).json()
    assert found["providers"] == [entry]
    assert [one["version"] for one in (await client.get(f"{FACTS}/versions")).json()["versions"]] == [2, 1]
    rows = await stored(dsn, "SELECT value FROM definition_outbox WHERE topic = $1 ORDER BY id", DEFINITIONS)
    waiting = [decode(DEFINITIONS, row["value"]) for row in rows]
    published = [decode(DEFINITIONS, one.value) for one in api.log.records if one.topic == DEFINITIONS]
    versions = {one.body["version"] for one in [*published, *waiting] if one.kind == "provider_facts"}
    assert versions == {1, 2}


async def test_the_facts_of_a_route_say_where_they_stand(api: Running) -> None:
    entry = {"route": "openai/gpt-4.1", "regions": ["eu-west-1"], "source": "contract 7"}
    await api.client.put(FACTS, json={"providers": [entry]})
    (found,) = (await api.client.get(FACTS, params={"route": "openai/gpt-4.1"})).json()["known"]
    assert (found["regions"], found["retention_days"], found["trains"]) == (["eu-west-1"], 30, False)
    assert found["sources"]["regions"] == "contract 7"
    (other,) = (await api.client.get(FACTS, params={"route": "somebody/x"})).json()["known"]
    assert other["regions"] is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"providers": [{"route": "a", "regions": ["Europe"]}]},
        {"providers": [{"route": "a"}, {"route": "a"}]},
        {"providers": [{"route": "a", "retention": 1}]},
        {"providers": "a"},
    ],
)
async def test_facts_that_are_none_are_refused(api: Running, wrong: dict[str, Any]) -> None:
    assert (await api.client.put(FACTS, json=wrong)).status_code == 422


async def report_of(client: httpx.AsyncClient, **params: Any) -> httpx.Response:
    return await client.get(REPORT, params=params)


async def test_a_report_of_a_period_proves_itself(api: Running, chain: Chain) -> None:
    org, now = api.app.state.services.audit.default_org_id, now_ms()
    old, new = now - 40 * DAY_MS, now - 10 * DAY_MS
    await chain.events(
        activated(0, org_id=org, at_ms=old), *(event(n, org_id=org, at_ms=old + n) for n in range(1, 301))
    )
    await chain.events(
        *(decided(1_000 + n, "compliance/residency.pii", org_id=org, at_ms=new + n) for n in range(700)),
        event(2_000, org_id=org, at_ms=new + 999, action="subject_erased", subject="sub_1"),
    )
    await chain.events(event(2_001, org_id=org, at_ms=now - DAY_MS))
    answer = await report_of(api.client, **{"from": "20d", "to": "5d"})
    assert answer.status_code == 200, answer.text
    report = answer.json()
    shown, findings = verify_report(report, [KEY.public])
    assert (findings, report["organisation"], report["log"]["from"]) == ([], org, 301)
    numbers = {one["id"]: one["numbers"] for one in report["statements"]}
    assert numbers["log"]["entries"] == 701
    assert numbers["demands"] == {"denied": 700, "routed": 0, "shadow": 0}
    assert numbers["erasures"]["erased"] == 1
    policies = next(one for one in report["statements"] if one["id"] == "policies")
    assert policies["rows"][0]["entries"] == [0]
    assert shown is not None
    assert shown.request.event.actor.startswith("key:")


async def test_a_report_is_a_page_for_those_who_accept_one(api: Running, chain: Chain) -> None:
    org = api.app.state.services.audit.default_org_id
    await chain.events(event(5_000, org_id=org, at_ms=now_ms() - 60_000))
    for way in ({"headers": {"Accept": "text/html"}}, {"params": {"format": "html"}}):
        params = {"from": "1h"} | way.get("params", {})
        answer = await api.client.get(REPORT, params=params, headers=way.get("headers", {}))
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        report = report_in(answer.text)
        assert verify_report(report, [KEY.public])[1] == []
        assert page_of(report) == answer.text


async def test_a_period_that_is_wrong_is_refused(api: Running, chain: Chain) -> None:
    org = api.app.state.services.audit.default_org_id
    await chain.events(event(6_000, org_id=org, at_ms=now_ms() - 60_000))
    for params in ({"from": "1h", "to": "2h"}, {"from": "1h", "to": "2999-01-01"}, {"from": "yesterday"}):
        answer = await report_of(api.client, **params)
        assert answer.status_code == 422, answer.text


async def test_a_log_without_a_checkpoint_proves_nothing(api: Running) -> None:
    other = (await api.client.post("/api/v1/organisations", json={"id": "unsigned-log"})).json()
    headers = {"Authorization": f"Bearer {other['key']['key']}"} if "key" in other else {}
    if not headers:
        pytest.fail(f"an organisation comes with a key: {sorted(other)}")
    answer = await api.client.get(REPORT, params={"from": "1h"}, headers=headers)
    assert answer.status_code == 409
    assert "AUDIT_KEY" in answer.text


async def test_too_many_entries_are_refused(api: Running, chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    org = api.app.state.services.audit.default_org_id
    await chain.events(*(event(7_000 + n, org_id=org, at_ms=now_ms() - 60_000) for n in range(20)))
    monkeypatch.setattr(reporting, "MOST_ENTRIES", 10)
    answer = await report_of(api.client, **{"from": "1h"})
    assert answer.status_code == 422
    assert "shorter periods" in answer.text
