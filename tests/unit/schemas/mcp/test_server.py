"""AgentFlow as an MCP server: what its tools ask of the API, and what a model is shown."""

import json
from typing import Any

import pytest

from schemas.mcp import protocol
from schemas.mcp.calls import cents
from schemas.mcp.tools import FIXED, offered
from tests.support.mcp_replies import DRY_RUN, Desk

RUNS = "/api/v1/workflows/runs"
_STEPS = [{"id": "a", "status": "succeeded", "attempts": 1, "cost_usd": "0.01", "model": "m", "output": "long"}]
RUNNING = {"id": "r1", "status": "running", "total_cost_usd": "0.01", "cost_usd": "0.01", "steps": _STEPS}
ENDED = RUNNING | {"status": "succeeded", "output": {"a": 1}}


def names(answer: Any) -> list[str]:
    return [one["name"] for one in answer["result"]["tools"]]


def test_initialize_names_the_server_and_its_revision() -> None:
    found = Desk().send("initialize", {"protocolVersion": "2025-06-18"})["result"]
    assert (found["protocolVersion"], found["serverInfo"]["version"]) == ("2025-06-18", "9.9")
    assert found["capabilities"] == {"tools": {"listChanged": False}}


def test_discover_names_every_revision() -> None:
    found = Desk().send("server/discover", {"_meta": {protocol.VERSION_KEY: "2026-07-28"}})["result"]
    assert found["supportedVersions"] == list(protocol.VERSIONS)
    assert found["resultType"] == "complete"


def test_a_message_of_an_unknown_revision_is_refused() -> None:
    error = Desk().send("tools/list", {"_meta": {protocol.VERSION_KEY: "2031-01-01"}})["error"]
    assert error["code"] == protocol.UNSUPPORTED_VERSION
    assert "2025-11-25" in error["data"]["supported"]


def test_notifications_are_not_answered_and_unknown_methods_are_errors() -> None:
    assert Desk().send("notifications/initialized", message_id=None) is None
    assert Desk().send("ping")["result"] == {}
    assert Desk().send("resources/list")["error"]["code"] == protocol.METHOD_NOT_FOUND


def test_every_workflow_is_a_tool_with_its_schema() -> None:
    found = {one["name"]: one for one in Desk().send("tools/list")["result"]["tools"]}
    assert set(found) == {one.name for one in FIXED} | {"run_document_analysis", "run_greet"}
    inputs = found["run_greet"]["inputSchema"]["properties"]["inputs"]
    assert inputs == {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    plain = found["run_document_analysis"]["inputSchema"]
    assert plain["properties"]["inputs"]["required"] == ["document_key"]
    assert plain["required"] == ["inputs"]
    assert "Reads one." in found["run_document_analysis"]["description"]
    assert found["get_run"]["annotations"]["readOnlyHint"] is True


def test_names_that_clash_are_told_apart_and_none_is_too_long() -> None:
    tools = offered([{"name": "a.b"}, {"name": "a-b"}, {"name": "a_b"}, {"name": "x" * 128}, {"name": "x" * 127}])
    found = [one.tool.name for one in tools]
    assert found[:3] == ["run_a_b", "run_a-b", "run_a_b_2"]
    assert len(set(found)) == 5
    assert max(map(len, found)) == 64


def test_a_key_that_may_only_read_sees_no_tool_that_writes() -> None:
    desk = Desk({("GET", "/api/v1/whoami"): {"permissions": ["read"]}})
    assert not {"submit_run", "cancel_run", "run_greet"} & set(names(desk.send("tools/list")))


def test_and_its_call_is_refused_by_the_api_with_a_code() -> None:
    refusal = (403, {"type": "urn:agentflow:problem:forbidden", "detail": "the key may not write"})
    found = Desk({("POST", RUNS): refusal}).call("submit_run", {"workflow": "greet", "accept_cost_usd": 1})
    assert found["isError"] is True
    error = {"code": "forbidden", "message": "the key may not write", "status": 403}
    assert found["structuredContent"] == {"error": error}
    assert json.loads(found["content"][0]["text"]) == {"error": error}


def test_many_workflows_come_in_pages() -> None:
    listed = {"workflows": [{"name": f"w{n}"} for n in range(250)]}
    desk, cursor, seen = Desk({("GET", "/api/v1/workflows"): listed}), None, list[str]()
    for _ in range(3):
        answer = desk.send("tools/list", {"cursor": cursor} if cursor else {})
        seen += names(answer)
        cursor = answer["result"].get("nextCursor")
    assert cursor is None
    assert len(seen) == len(set(seen)) == 250 + len(FIXED)
    assert Desk().send("tools/list", {"cursor": "x"})["error"]["code"] == protocol.INVALID_PARAMS


def test_a_submission_says_the_cost_first_and_starts_nothing() -> None:
    desk = Desk()
    found = desk.call("submit_run", {"workflow": "greet", "inputs": {"name": "Ada"}})["structuredContent"]
    assert found["submitted"] is False
    assert (found["cost"]["cheapest_path_usd"], found["cost"]["unbounded_nodes"]) == ("0.0021", ["agent"])
    assert found["would_run"] == DRY_RUN
    assert [one.params for one in desk.asked] == [{"dry_run": "true"}]


def test_what_is_accepted_is_the_runs_budget_and_its_key_the_submissions() -> None:
    desk = Desk({("GET", f"{RUNS}/r1"): ENDED})
    given = {"inputs": {"name": "Ada"}, "accept_cost_usd": 0.07, "idempotency_key": "k1"}
    found = desk.call("run_greet", given)["structuredContent"]
    assert (found["submitted"], found["ended"], found["run"]["output"]) == (True, True, {"a": 1})
    assert found["cost"]["at_most_usd"] == "0.07"
    sent = [one for one in desk.asked if one.method == "POST"]
    assert [one.params for one in sent] == [{"dry_run": "true"}, {}]
    for one in sent:
        assert one.body == {"workflow_name": "greet", "inputs": {"name": "Ada"}, "budget_cents": "7"}
        assert one.headers == {"Idempotency-Key": "k1"}


@pytest.mark.parametrize(("usd", "expected"), [(0.1, "10"), (5, "500"), (0.000001, "0.0001"), (1e9, "100000000000")])
def test_dollars_are_exact_cents(usd: float, expected: str) -> None:
    assert cents(usd) == expected


def test_waiting_ends_with_the_run_and_tells_the_progress() -> None:
    looks = iter([RUNNING, RUNNING, ENDED])
    desk = Desk({("GET", f"{RUNS}/r1"): lambda _: next(looks)})
    found = desk.call("wait_for_run", {"run_id": "r1"}, progressToken="t")["structuredContent"]
    assert (found["ended"], found["run"]["status"]) == (True, "succeeded")
    assert [one["params"]["progress"] for one in desk.said] == [1, 2]
    assert "1 steps done, 0.01 USD so far" in desk.said[0]["params"]["message"]


def test_waiting_ends_with_its_time() -> None:
    desk = Desk({("GET", f"{RUNS}/r1"): RUNNING})
    found = desk.call("wait_for_run", {"run_id": "r1", "timeout_s": 5})["structuredContent"]
    assert found["ended"] is False
    assert desk.waited == pytest.approx(5)
    assert desk.said == []


def test_why_asks_by_what_the_run_is() -> None:
    waits, cause = {"steps": [{"on": "a budget"}]}, {"verdict": "named"}
    answers = {
        ("GET", f"{RUNS}/r1"): RUNNING,
        ("GET", f"{RUNS}/r1/waiting"): waits,
        ("GET", f"{RUNS}/r2"): RUNNING | {"status": "failed", "error": {"code": "timeout"}},
        ("GET", "/api/v1/traces/r2/cause"): cause,
        ("GET", f"{RUNS}/r3"): RUNNING | {"status": "failed", "error": {"code": "timeout"}},
        ("GET", "/api/v1/traces/r3/cause"): (503, {"type": "urn:agentflow:problem:unavailable", "detail": "no store"}),
        ("GET", f"{RUNS}/r4"): ENDED,
    }
    found = [Desk(answers).call("why", {"run_id": f"r{n}"})["structuredContent"] for n in (1, 2, 3, 4)]
    assert found[0] == {"status": "running", "waiting": waits}
    assert found[1] == {"status": "failed", "error": {"code": "timeout"}, "cause": cause}
    assert (found[2]["cause"], found[2]["no_cause_because"]) == (None, "no store")
    assert found[3]["status"] == "succeeded"


def test_the_cost_is_by_step_and_has_no_outputs() -> None:
    found = Desk({("GET", f"{RUNS}/r1"): ENDED}).call("cost_of_run", {"run_id": "r1"})["structuredContent"]
    assert found["total_cost_usd"] == "0.01"
    assert found["steps"] == [{"id": "a", "status": "succeeded", "attempts": 1, "cost_usd": "0.01", "model": "m"}]


def test_ids_cannot_lead_to_another_path() -> None:
    desk = Desk()
    desk.call("get_run", {"run_id": "../../keys?x=1"})
    assert desk.asked[0].path == f"{RUNS}/..%2F..%2Fkeys%3Fx%3D1"


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("get_run", {}, "run_id is missing"),
        ("get_run", {"run_id": 5}, "run_id is no string"),
        ("get_run", {"run_id": ""}, "0 characters"),
        ("get_run", {"run_id": "a", "outputs": True}, "no argument 'outputs'"),
        ("list_runs", {"limit": True}, "limit is no integer"),
        ("list_runs", {"limit": 0}, "less than 1"),
        ("list_runs", {"limit": 1_000}, "more than 100"),
        ("list_runs", {"status": "odd"}, "none of queued"),
        ("submit_run", {"workflow": "greet", "inputs": []}, "inputs is no object"),
        ("submit_run", {"workflow": "greet", "accept_cost_usd": -1}, "less than 0"),
        ("run_greet", {"name": "Ada"}, "no argument 'name'"),
    ],
)
def test_arguments_that_do_not_fit_are_an_error_that_a_model_can_correct(
    name: str, arguments: dict[str, Any], said: str
) -> None:
    desk = Desk()
    found = desk.call(name, arguments)
    assert found["isError"] is True
    assert found["structuredContent"]["error"]["code"] == "bad_arguments"
    assert said in found["structuredContent"]["error"]["message"]
    assert all(one.method == "GET" for one in desk.asked)


def test_an_unknown_tool_is_an_error_of_the_protocol() -> None:
    assert Desk().send("tools/call", {"name": "rm"})["error"]["code"] == protocol.INVALID_PARAMS
    assert Desk().send("tools/call", {"name": 5})["error"]["code"] == protocol.INVALID_PARAMS


def test_an_api_that_does_not_answer_fails_a_list_with_its_code() -> None:
    down = (503, {"type": "urn:agentflow:problem:unavailable", "detail": "postgres is down"})
    error = Desk({("GET", "/api/v1/workflows"): down}).send("tools/list")["error"]
    assert (error["code"], error["data"]["code"]) == (protocol.INTERNAL_ERROR, "unavailable")
