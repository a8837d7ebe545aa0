"""Budgets and limits on names that do not exist."""

from typing import Any

import pytest

from tests.support.api import Running

BUDGETS, LIMITS = "/api/v1/budgets", "/api/v1/limits"


@pytest.fixture
async def api(api: Running) -> Running:
    await api.define_greeting()
    return api


@pytest.mark.parametrize(
    ("target", "fix"),
    [
        ({"scope": "workflow", "target": "greetings"}, "did you mean 'greeting'?"),
        ({"scope": "provider", "target": "openia"}, "did you mean 'openai'?"),
        ({"scope": "model", "target": "local-glod"}, "did you mean 'local-gold'?"),
        ({"scope": "model", "target": "GPT-4o"}, "did you mean 'gpt-4o'?"),
    ],
)
async def test_a_budget_on_a_name_that_does_not_exist_is_refused(
    api: Running, target: dict[str, Any], fix: str
) -> None:
    answer = await api.client.post(BUDGETS, json={"limit_cents": 1} | target)
    assert answer.status_code == 422, answer.text
    (problem,) = answer.json()["problems"]
    assert (problem["path"], problem["message"]) == ("target", f"there is no {target['scope']} '{target['target']}'")
    assert problem["fix"].startswith(fix)
    assert (await api.client.get(BUDGETS)).json()["budgets"] == []
    allowed = await api.client.post(BUDGETS, json={"limit_cents": 1, "allow_unknown": True} | target)
    assert allowed.status_code == 201, allowed.text


@pytest.mark.parametrize(
    "target",
    [
        {"scope": "workflow", "target": "greeting"},
        {"scope": "provider", "target": "openai"},
        {"scope": "model", "target": "gpt-4o"},
        {"scope": "model", "target": "gpt-4o-2024-08-06"},
        {"scope": "model", "target": "local-gold"},
    ],
)
async def test_a_budget_on_a_name_that_exists_is_made(api: Running, target: dict[str, Any]) -> None:
    answer = await api.client.post(BUDGETS, json={"limit_cents": 1} | target)
    assert answer.status_code == 201, answer.text


async def test_a_limit_on_a_workflow_that_does_not_exist_is_refused(api: Running) -> None:
    answer = await api.client.put(LIMITS, json={"workflows": {"greeting": 1, "greetign": 2}})
    assert answer.status_code == 422, answer.text
    (problem,) = answer.json()["problems"]
    assert (problem["path"], problem["fix"][:26]) == ("workflows.greetign", "did you mean 'greeting'?; ")
    assert (await api.client.get(LIMITS)).json()["workflows"] == {}
    allowed = await api.client.put(LIMITS, json={"workflows": {"greetign": 2}, "allow_unknown": True})
    assert allowed.status_code == 200, allowed.text
