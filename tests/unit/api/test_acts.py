"""Acts: which routes record, before what they do, and how denials reach the log."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from pydantic import BaseModel

from api.acts import ITSELF, METHODS, TRIES, is_act, is_ruled
from api.caller import Caller
from api.http import problems
from api.http.strict_json import StrictJsonRoute
from api.routers.list import ROUTERS
from connectors.ports.engine import OutRecord
from schemas.errors import Conflict, Forbidden, Unavailable
from schemas.policies.read import read_policy
from schemas.records.definitions import AuditEvent
from schemas.records.security.pinned import Mode
from services.security.auditing import Auditing
from services.security.policies.acting import Acting
from services.security.policies.active import Active
from topics.codec import decode

#: Routes that change something, or only ask, and are no acts of administration: runs, their data, definitions.
NO_ACTS = {
    "/api/v1/workflows/runs",
    "/api/v1/workflows/runs/waiting",
    "/api/v1/workflows/runs/{run_id}/cancel",
    "/api/v1/workflows/runs/bulk",
    "/api/v1/workflows/runs/{run_id}/restart",
    "/api/v1/workflows/runs/{run_id}/fork",
    "/api/v1/workflows/runs/{run_id}/signals/{name}",
    "/api/v1/workflows/runs/{run_id}/updates/{name}",
    "/api/v1/traces/policy",
    "/api/v1/runs/{run_id}/scores",
    "/api/v1/routes/evaluate",
    "/api/v1/traces/diff",
    "/api/v1/traces/causes",
    "/api/v1/traces/query",
    "/api/v1/traces/outliers",
    "/api/v1/otlp/v1/traces",
    "/v1/traces",
    "/api/v1/workflows",
    "/api/v1/schedules",
    "/api/v1/schedules/{schedule_id}",
    "/api/v1/schedules/{schedule_id}/backfill",
    "/api/v1/prompts",
    "/api/v1/prompts/{name}",
    "/api/v1/prompts/{name}/restore",
    "/api/v1/datasets",
    "/api/v1/datasets/from-runs",
    "/api/v1/evaluations",
    "/api/v1/evaluations/{evaluation_id}/cancel",
    "/api/v1/evaluations/{evaluation_id}/labels",
    "/api/v1/queues/{name}/lease",
    "/api/v1/queues/{name}/heartbeat",
    "/api/v1/queues/{name}/complete",
    "/api/v1/queues/{name}/release",
    "/api/v1/batches/{batch_id}/cancel",
    "/api/v1/hooks/{address}",
    "/api/v1/bills/reconcile",
    *ITSELF,
}


def test_every_route_that_changes_something_is_an_act_that_records_or_is_said_to_be_none() -> None:
    routes = [r for router in ROUTERS for r in router.routes if isinstance(r, APIRoute) and r.methods & METHODS]
    acts = {route.path for route in routes if is_act(route.path, route.methods)}
    assert {route.path for route in routes} - acts == NO_ACTS
    assert [route.path for route in routes if route.path in acts and not hasattr(route.endpoint, "__recorded__")] == []
    assert not is_act("/api/v1/keys", {"GET"})
    assert not is_act("/api/v1/keysmith", {"POST"})


class Log:
    """What was appended; while it is ``down``, nothing can be."""

    def __init__(self) -> None:
        self.events: list[AuditEvent] = []
        self.down = False

    async def append(self, records: Sequence[OutRecord]) -> None:
        if self.down:
            raise Unavailable("kafka", "down", 0.1)
        for record in records:
            assert record.key is not None
            event = decode(record.topic, record.value)
            assert record.key.decode() == event.org_id
            self.events.append(event)


class Body(BaseModel):
    name: str
    note: str = ""


class World:
    """An app with an act, what it did, and what was recorded."""

    def __init__(self) -> None:
        self.log, self.did = Log(), list[str]()
        self.auditing = Auditing(self.log)
        router = APIRouter(prefix="/api/v1/keys", route_class=StrictJsonRoute)

        async def who(request: Request) -> Caller:
            caller = Caller("k1", "acme", frozenset({"admin"}))
            request.state.caller = caller
            if request.headers.get("x-may") == "not":
                raise Forbidden("this key may not")
            return caller

        @router.post("")
        async def create_key(body: Body, who: Annotated[Caller, Depends(who)]) -> dict[str, str]:
            if body.name == "taken":
                raise Conflict("it is taken")
            self.did.append(body.name)
            return {"name": body.name, "by": who.key_id}

        policies = APIRouter(prefix="/api/v1/policies", route_class=StrictJsonRoute)

        @policies.post("")
        async def create_policy(
            body: Body, who: Annotated[Caller, Depends(who)], break_glass: str | None = None
        ) -> None:
            self.did.append("created")

        @policies.post("/{name}/activate")
        async def activate_policy(
            body: Body, who: Annotated[Caller, Depends(who)], break_glass: str | None = None
        ) -> None:
            self.did.append("activated")

        app = FastAPI()
        app.include_router(router)
        app.include_router(policies)
        problems.install(app)
        app.state.services = self
        self.audit = self.security = self
        self.acting = Acting(self)
        self.policy: Active | None = None
        self.default_org_id = "first"
        self.client = TestClient(app)

    async def of(self, org_id: str) -> Active | None:
        """Return the active policy of the one organisation."""
        assert org_id == "acme"
        return self.policy

    def rule(self, when: str, mode: Mode = "enforce") -> None:
        """Activate a policy with one rule that denies acts."""
        rule = {"id": "who", "at": "admin", "when": when, "verdict": "deny", "reason": "ask treasury"}
        policy = read_policy({"name": "admins", "rules": [rule]})
        self.policy = Active(policy, 1, mode, policy.hash)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    with made.client:
        yield made


def test_an_act_is_recorded_before_it_takes_effect(world: World) -> None:
    answer = world.client.post("/api/v1/keys?dry=1", json={"name": "ci"})
    assert answer.json() == {"name": "ci", "by": "k1"}
    (event,) = world.log.events
    assert (event.org_id, event.actor, event.action, event.subject) == ("acme", "key:k1", "create_key", "keys")
    assert (event.kind, event.decision) == ("admin", "allowed")
    assert event.details == {"method": "POST", "path": "/api/v1/keys", "body": '{"name":"ci"}', "query": "dry=1"}


def test_an_act_that_cannot_be_recorded_is_503_and_has_no_effect(world: World) -> None:
    world.log.down = True
    answer = world.client.post("/api/v1/keys", json={"name": "ci"})
    assert answer.status_code == 503
    assert answer.json()["dependency"] == "kafka"
    assert world.did == []


async def test_an_act_that_a_rule_denies_is_403_and_has_no_effect(world: World) -> None:
    world.rule("act.operation == 'create_key' && act.body.name == 'ci' && !('admin' in key.roles) && org == 'acme'")
    answer = world.client.post("/api/v1/keys", json={"name": "ci"})
    assert answer.status_code == 403
    assert "rule 'who': ask treasury" in answer.text
    assert world.did == []
    await world.auditing.flush()
    decided, denial = world.log.events
    assert (decided.kind, decided.action, decided.decision, decided.policy) == (
        "decisions",
        "policies.admin",
        "denied",
        "admins@1",
    )
    assert [(one.rule, one.point, one.enforced) for one in decided.decisions] == [("who", "admin", True)]
    assert (denial.kind, denial.decision) == ("denial", "denied")
    # Another act of the same key is done.
    assert world.client.post("/api/v1/keys", json={"name": "other"}).status_code == 200


@pytest.mark.parametrize("path", sorted({*ITSELF} - {*TRIES}))
def test_rules_decide_on_what_records_itself(path: str) -> None:
    routes = [r for router in ROUTERS for r in router.routes if isinstance(r, APIRoute) and r.methods & METHODS]
    (route,) = [one for one in routes if one.path == path]
    assert is_ruled(path, route.methods)
    assert hasattr(route.endpoint, "__recorded__")
    assert not is_ruled(path, {"GET"})


async def test_a_policy_that_denies_its_own_activation_is_repaired_by_breaking_the_glass(world: World) -> None:
    world.rule("act.operation in ['activate_policy', 'create_policy']")
    path = "/api/v1/policies/admins/activate"
    answer = world.client.post(path, json={"name": "1"})
    assert answer.status_code == 403
    assert "say why with break_glass" in answer.text
    # What repairs nothing cannot be done by that.
    assert world.client.post("/api/v1/policies", params={"break_glass": "why"}, json={"name": "x"}).status_code == 403
    assert world.did == []
    world.log.events.clear()
    assert world.client.post(path, params={"break_glass": "locked out"}, json={"name": "1"}).status_code == 200
    (broken,) = [one for one in world.log.events if one.kind != "denial"]
    assert (broken.kind, broken.action, broken.decision) == ("admin", "policies.break_glass", "allowed")
    assert (broken.reason, broken.actor, broken.policy) == ("locked out", "key:k1", "admins@1")
    assert [(one.rule, one.verdict) for one in broken.decisions] == [("who", "deny")]
    assert world.did == ["activated"]


def test_the_glass_is_not_broken_while_the_log_is_down(world: World) -> None:
    world.rule("true")
    world.log.down = True
    path = "/api/v1/policies/admins/activate"
    assert world.client.post(path, params={"break_glass": "locked out"}, json={"name": "1"}).status_code == 503
    assert world.did == []


def test_a_reason_is_not_needed_where_no_rule_denies(world: World) -> None:
    path = "/api/v1/policies/admins/activate"
    assert world.client.post(path, params={"break_glass": "to be safe"}, json={"name": "1"}).status_code == 200
    assert world.log.events == []


def test_in_shadow_mode_an_act_is_done_and_the_decision_is_recorded(world: World) -> None:
    world.rule("true", "shadow")
    assert world.client.post("/api/v1/keys", json={"name": "ci"}).status_code == 200
    decided, act = world.log.events
    assert (decided.decision, decided.decisions[0].enforced, act.action) == ("allowed", False, "create_key")
    assert world.did == ["ci"]


def test_what_is_invalid_or_forbidden_is_no_act(world: World) -> None:
    assert world.client.post("/api/v1/keys", json={"nam": "ci"}).status_code == 422
    assert world.client.post("/api/v1/keys", json={"name": "ci"}, headers={"x-may": "not"}).status_code == 403
    assert world.log.events == []
    assert world.did == []


async def test_an_act_that_fails_says_so_with_the_same_id() -> None:
    world = World()
    assert world.client.post("/api/v1/keys", json={"name": "taken"}).status_code == 409
    await world.auditing.flush()
    act, failed = world.log.events
    assert failed.event_id == f"{act.event_id}/failed"
    assert (failed.decision, failed.reason) == ("denied", "Conflict: it is taken")


async def test_a_denial_is_recorded_with_who_and_why() -> None:
    world = World()
    world.client.post("/api/v1/keys", json={"name": "ci"}, headers={"x-may": "not"})
    await world.auditing.flush()
    (event,) = world.log.events
    assert (event.kind, event.actor, event.decision, event.reason) == ("denial", "key:k1", "denied", "this key may not")
    assert event.details == {"method": "POST", "path": "/api/v1/keys"}
