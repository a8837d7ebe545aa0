"""The static check at registration: what the active policy would deny is warned of, or refused, over HTTP."""

from typing import Any

import pytest

from tests.support.api import Running

WORKFLOWS, POLICIES = "/api/v1/workflows", "/api/v1/policies"
RULES = [
    {"id": "own-tools", "at": "tool_call", "when": "true", "verdict": "allow"},
    {
        "id": "tainted",
        "at": "tool_call",
        "when": "sinks.exists(s, s.sink != 'content' && !s.trusted)",
        "verdict": "deny",
    },
]
#: Two functions of this system, the policy says what they are when they are tools of a queue.
TOOLS = {
    "page": {"source": ["web"]},
    "mail": {"source": ["trusted"], "effects": True, "sinks": {"to": "recipient", "body": "content"}},
}


def document(to: str, version: int = 1) -> dict[str, Any]:
    page = {"id": "page", "type": "tool", "queue": "gpu", "config": {"tool_name": "page"}}
    config = {"tool_name": "mail", "tool_args": {"to": to, "body": "page.output"}, "inputs": {}}
    mail = {"id": "mail", "type": "tool", "queue": "gpu", "config": config}
    dag = {"nodes": [page, mail], "edges": [{"from": "page", "to": "mail"}]}
    return {"name": "digest", "version": version, "dag": dag}


async def activated(api: Running, mode: str = "enforce", **more: Any) -> None:
    made = await api.client.post(POLICIES, json={"document": {"name": "ours", "rules": RULES, "tools": TOOLS} | more})
    assert made.status_code in (200, 201), made.text
    body = {"version": made.json()["version"], "mode": mode}
    answer = await api.client.post(f"{POLICIES}/ours/activate", json=body)
    assert answer.status_code == 200, answer.text


async def test_without_a_policy_nothing_is_said(api: Running) -> None:
    answer = await api.client.post(WORKFLOWS, json=document("page.output"))
    assert (answer.status_code, answer.json()["warnings"]) == (201, [])


async def test_what_the_policy_denies_is_a_warning_of_dry_runs_and_registrations(api: Running) -> None:
    await activated(api)
    for params, status in (({"dry_run": "true"}, 200), ({}, 201)):
        answer = await api.client.post(WORKFLOWS, json=document("page.output"), params=params)
        assert answer.status_code == status, answer.text
        (warning,) = answer.json()["warnings"]
        assert warning["path"] == "dag.nodes[1].config.tool_args.to"
        assert warning["message"].endswith("may hold web data (rule 'tainted' denies it): page -> mail.to")
        assert warning["fix"].startswith("declare which fields of 'page' are trusted")
    assert (await api.client.post(WORKFLOWS, json=document("ops@example.com", 2))).json()["warnings"] == []


@pytest.mark.parametrize(("mode", "status"), [("enforce", 422), ("shadow", 201)])
async def test_a_policy_may_refuse_such_workflows(api: Running, mode: str, status: int) -> None:
    await activated(api, mode, static="refuse")
    answer = await api.client.post(WORKFLOWS, json=document("page.output"))
    assert answer.status_code == status, answer.text
    problems = answer.json()["problems"] if status == 422 else answer.json()["warnings"]
    assert [one["path"] for one in problems] == ["dag.nodes[1].config.tool_args.to"]
    stored = await api.client.get(f"{WORKFLOWS}/digest")
    assert stored.status_code == (404 if status == 422 else 200)
    assert (await api.client.post(WORKFLOWS, json=document("{{address}}", 2))).status_code == 201
