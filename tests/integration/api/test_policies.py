"""Policies over HTTP: versions, tests, activations, and what submissions pin of them."""

import asyncio
from typing import Any

import httpx
import msgspec
import pytest

from connectors.clickhouse.client import ClickHouse
from schemas.policies.read import read_policy
from schemas.records.definitions import AuditEvent, Definition
from schemas.records.run_events import RunSubmitted
from schemas.records.security.pinned import RunSecurity
from schemas.settings import Settings
from schemas.spec.rules_version import LABELS
from services.security.enforcement.known import KnownPolicies
from tests.support.api import DEADLINE_S, SUBMISSION, Running, settings_for, unique
from tests.support.history import view_of, write_views
from topics.catalogue import AUDIT_EVENTS, DEFINITIONS, RUN_EVENTS

POLICIES, ACTIVE, RUNS = "/api/v1/policies", "/api/v1/policies/active", "/api/v1/workflows/runs"
RULE = {"id": "no-web", "at": "output", "when": "output.integrity >= WEB", "verdict": "deny", "reason": "from the web"}
DOCUMENT = {"name": "support", "inputs": {"greeting": {"$.name": ["web", "class:pii"]}}, "rules": [RULE]}


@pytest.fixture
def settings(dsn: str, redis_url: str, clickhouse_url: str, store: ClickHouse) -> Settings:
    return settings_for(dsn, redis_url, clickhouse_url, CLICKHOUSE_DATABASE=store.database)


async def applied(api: Running, document: Any = DOCUMENT, status: int = 201) -> dict[str, Any]:
    answer = await api.client.post(POLICIES, json={"document": document})
    assert answer.status_code == status, answer.text
    return dict(answer.json())


async def activated(api: Running, version: int = 1, mode: str = "enforce", name: str = "support") -> dict[str, Any]:
    answer = await api.client.post(f"{POLICIES}/{name}/activate", json={"version": version, "mode": mode})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def submitted(api: Running, key: str, body: Any = SUBMISSION) -> httpx.Response:
    answer = await api.client.post(RUNS, json=body, headers={"Idempotency-Key": key})
    assert answer.status_code == 202, answer.text
    return answer


def recorded(api: Running, run_id: str) -> list[RunSubmitted]:
    return [one for one in api.log.decoded(RUN_EVENTS) if isinstance(one, RunSubmitted) and one.run_id == run_id]


async def audited(api: Running, count: int) -> list[AuditEvent]:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            found = [one for one in api.log.decoded(AUDIT_EVENTS) if one.action.startswith("policy.")]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.02)


async def test_versions_never_change_and_the_same_document_is_no_new_one(api: Running) -> None:
    first = await applied(api)
    assert (first["name"], first["version"], first["hash"]) == ("support", 1, read_policy(DOCUMENT).hash)
    assert (await applied(api, status=200))["version"] == 1
    yaml = "name: support\nrules: []\n"
    assert (await applied(api, yaml))["version"] == 2
    page = (await api.client.get(POLICIES)).json()
    assert page["active"] is None
    assert [(one["name"], one["newest"], one["versions"]) for one in page["policies"]] == [("support", 2, 2)]
    versions = (await api.client.get(f"{POLICIES}/support")).json()["versions"]
    assert [one["version"] for one in versions] == [2, 1]
    found = (await api.client.get(f"{POLICIES}/support/versions/1")).json()
    assert (found, read_policy(found["document"]).hash) == (first, first["hash"])
    for missing in ("/other", "/support/versions/3"):
        assert (await api.client.get(f"{POLICIES}{missing}")).status_code == 404


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ("name: [", "body.document"),
        ({"name": "support", "rules": [RULE | {"when": "output.integrity >="}]}, "body.document.rules[0].when"),
        ({"name": "support", "rule": []}, "body.document.rule"),
        ({"name": "active", "rules": []}, "body.document.name"),
        ({"name": "a/b", "rules": []}, "body.document.name"),
        ({"name": "support", "inputs": {"*": {"name": ["web"]}}, "rules": []}, "body.document.inputs"),
    ],
)
async def test_a_document_with_a_problem_is_refused_with_its_place(api: Running, document: Any, path: str) -> None:
    answer = await api.client.post(POLICIES, json={"document": document})
    assert answer.status_code == 422, answer.text
    assert any(one["path"].startswith(path) for one in answer.json()["problems"]), answer.text
    assert (await api.client.get(POLICIES)).json()["policies"] == []


async def test_activation_reaches_workers_runs_and_the_audit_log(api: Running) -> None:
    await api.define_greeting()
    before = (await submitted(api, "before")).json()["id"]
    assert recorded(api, before)[0].security is None
    made = await applied(api)
    answer = await activated(api, mode="shadow")
    assert (answer["active"]["name"], answer["active"]["version"], answer["active"]["mode"]) == ("support", 1, "shadow")
    # The same again changes nothing, and is no act.
    assert await activated(api, mode="shadow") == answer
    run = (await submitted(api, "after")).json()["id"]
    security = recorded(api, run)[0].security
    assert security is not None
    assert (security.policy, security.policy_hash, security.mode) == ("support@1", made["hash"], "shadow")
    assert security.inputs == {"$": ["user"], "$.name": ["web", "class:pii"]}

    await activated(api)
    run = (await submitted(api, "enforced")).json()["id"]
    assert recorded(api, run)[0].security.mode == "enforce"  # type: ignore[union-attr]
    off = await api.client.delete(ACTIVE)
    assert (off.status_code, off.json()["active"]) == (200, None)
    assert (await api.client.delete(ACTIVE)).status_code == 404
    run = (await submitted(api, "off")).json()["id"]
    assert recorded(api, run)[0].security is None
    assert [one["number"] for one in (await api.client.get(ACTIVE)).json()["history"]] == [3, 2, 1]

    events = await audited(api, 4)
    assert [one.action.removeprefix("policy.") for one in events] == ["create", "activate", "activate", "deactivate"]
    assert {one.org_id for one in events} == {api.org_id}
    assert len({one.event_id for one in events}) == 4
    assert (events[2].details["before"], events[3].details["before"]) == ("support@1 shadow", "support@1 enforce")
    known = KnownPolicies()
    for one in api.log.decoded(DEFINITIONS):
        if isinstance(one, Definition):
            known.apply(one)
    assert known.of(api.org_id, made["hash"], "enforce").policy.name == "support"


async def test_a_repeated_submission_is_the_same_run_after_the_policy_has_changed(api: Running) -> None:
    await api.define_greeting()
    first = (await submitted(api, "once")).json()
    await applied(api)
    await activated(api)
    again = (await submitted(api, "once")).json()
    assert (again["id"], again["duplicate"]) == (first["id"], True)
    assert len(recorded(api, first["id"])) == 1


async def test_a_dry_run_shows_what_would_be_pinned(api: Running) -> None:
    await api.define_greeting()
    shown = (await api.client.post(RUNS, json=SUBMISSION, params={"dry_run": True})).json()
    assert shown["security"] is None
    await applied(api)
    await activated(api)
    shown = (await api.client.post(RUNS, json=SUBMISSION, params={"dry_run": True})).json()["security"]
    assert (shown["policy"], shown["mode"], shown["inputs"]["$.name"]) == ("support@1", "enforce", ["web", "class:pii"])


async def test_tests_of_documents_and_of_stored_versions(api: Running) -> None:
    await applied(api)
    test = {"name": "web", "at": "output", "facts": {"labels": {"$": ["web"]}}, "expect": "deny"}
    body = {"document": DOCUMENT, "cases": [test, test | {"name": "wrong", "expect": "allow"}]}
    answer = await api.client.post(f"{POLICIES}/test", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["passed"] is False
    assert [(one["name"], one["passed"]) for one in answer.json()["results"]] == [("web", True), ("wrong", False)]
    stored = await api.client.post(f"{POLICIES}/test", json={"name": "support", "version": 1, "cases": [test]})
    assert (stored.json()["passed"], stored.json()["results"][0]["rules"]) == (True, ["no-web"])
    assert (await api.client.post(f"{POLICIES}/test", json={"name": "support"})).status_code == 422
    failing = DOCUMENT | {"tests": [test | {"expect": "allow"}]}
    refused = await api.client.post(POLICIES, json={"document": failing})
    assert (refused.status_code, refused.json()["problems"][0]["path"]) == (422, "body.document.tests[0]")


async def test_organisations_do_not_see_or_activate_each_others_policies(api: Running) -> None:
    await applied(api)
    made = await api.client.post("/api/v1/organisations", json={"id": unique("other"), "name": "other"})
    assert made.status_code == 201, made.text
    async with api.as_key(made.json()["key"]["key"]) as other:
        assert (await other.get(POLICIES)).json()["policies"] == []
        assert (await other.get(f"{POLICIES}/support/versions/1")).status_code == 404
        refused = await other.post(f"{POLICIES}/support/activate", json={"version": 1, "mode": "enforce"})
        assert refused.status_code == 404
    assert (await api.client.get(ACTIVE)).json()["active"] is None


async def test_a_key_without_admin_may_read_and_not_change(api: Running) -> None:
    await applied(api)
    made = await api.client.post("/api/v1/keys", json={"name": "ci", "permissions": ["read", "write"]})
    assert made.status_code == 201, made.text
    async with api.as_key(made.json()["key"]) as other:
        assert (await other.get(POLICIES)).status_code == 200
        assert (await other.post(POLICIES, json={"document": DOCUMENT})).status_code == 403
        refused = await other.post(f"{POLICIES}/support/activate", json={"version": 1, "mode": "enforce"})
        assert refused.status_code == 403
        assert (await other.delete(ACTIVE)).status_code == 403


async def test_a_restart_keeps_the_labels_of_its_inputs_and_a_fork_labels_what_is_given(api: Running) -> None:
    await api.define_greeting()
    old = recorded(api, (await submitted(api, "old")).json()["id"])[0]
    await applied(api, {"name": "support", "rules": []})
    await activated(api)
    view = view_of(old, "failed")
    await write_views(api.postgres_dsn, view)
    # Where the inputs of a run from before the policy came from is not known.
    assert (await again(api, old.run_id, "restart")).inputs == {"$": ["web", "from:unlabelled"]}
    labels = {"$": ["third_party"], "$.name": ["user", "class:pii"]}
    view = msgspec.structs.replace(view, version=view.version + 1, policy="support@1", input_labels=labels)
    await write_views(api.postgres_dsn, view)
    found = await again(api, old.run_id, "restart")
    assert (found.policy, found.inputs) == ("support@1", labels)
    forked = await again(api, old.run_id, "fork", {"inputs": {"name": "Eve"}})
    assert forked.inputs == {"$": ["third_party"], "$.name": ["user"]}


async def again(api: Running, run_id: str, how: str, body: dict[str, Any] | None = None) -> RunSecurity:
    answer = await api.client.post(f"{RUNS}/{run_id}/{how}", json=body)
    assert answer.status_code == 202, answer.text
    record = recorded(api, answer.json()["id"])[0]
    assert record.security is not None
    assert record.rules_version >= LABELS
    return record.security
