"""Incoming webhooks over HTTP: who is let in, what becomes of a request, and what is remembered of it."""

import asyncio
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from schemas.settings import Settings
from schemas.triggers.definition import source_of
from tests.support.api import Running, settings_for
from topics.catalogue import AUDIT_EVENTS, RUN_EVENTS

TRIGGERS = "/api/v1/triggers"
SPEC = {
    "name": "on_order",
    "version": 1,
    "dag": {
        "nodes": [
            {
                "id": "split",
                "type": "function",
                "config": {"function_name": "text_splitter", "condition": "inputs.text != ''"},
            }
        ],
        "edges": [],
    },
}
BODY: dict[str, Any] = {
    "name": "orders",
    "workflow_name": "on_order",
    "inputs": {"text": "payload.order"},
    "webhook": {},
}


@pytest.fixture
def settings(dsn: str, redis_url: str) -> Settings:
    return settings_for(dsn, redis_url, VAULT_KEY="v" * 32, TRIGGER_TOPICS="*:orders")


@pytest.fixture
async def made(api: Running, request: pytest.FixtureRequest) -> dict[str, Any]:
    """A trigger; a test's parameter changes its body."""
    registered = await api.client.post("/api/v1/workflows", json=SPEC)
    assert registered.is_success, registered.text
    answer = await api.client.post(TRIGGERS, json=BODY | getattr(request, "param", {}))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def submitted(api: Running, trigger: dict[str, Any]) -> list[Any]:
    return [record for record in api.log.decoded(RUN_EVENTS) if record.source == source_of(trigger["id"])]


async def test_a_request_is_a_run_and_its_repeats_are_the_same(api: Running, made: dict[str, Any]) -> None:
    async with api.as_key("") as anybody:
        sent = [
            anybody.post(made["address"], json={"order": "o-1"}, headers={"Idempotency-Key": "k-1"}) for _ in range(20)
        ]
        answers = [answer.json() for answer in await asyncio.gather(*sent)]
        other = (await anybody.post(made["address"], json={"order": "o-2"}, headers={"Idempotency-Key": "k-2"})).json()
    assert len({answer["run_id"] for answer in answers}) == 1
    assert [answer["duplicate"] for answer in answers].count(False) == 1
    runs = submitted(api, made)
    assert {run.run_id: run.inputs for run in runs} == {
        answers[0]["run_id"]: {"text": "o-1"},
        other["run_id"]: {"text": "o-2"},
    }


@pytest.mark.parametrize("made", [{"filter": "payload.order != 'test'", "idempotency": "payload.order"}], indirect=True)
async def test_filter_and_expression_decide(api: Running, made: dict[str, Any]) -> None:
    async with api.as_key("") as anybody:
        held = await anybody.post(made["address"], json={"order": "test"})
        first, again = [await anybody.post(made["address"], json={"order": "a"}) for _ in range(2)]
        bad = await anybody.post(made["address"], json={"nothing": 1})
    assert (held.status_code, held.json()["filtered"], held.json()["run_id"]) == (200, True, None)
    assert (first.status_code, again.json()) == (202, first.json() | {"duplicate": True})
    assert bad.status_code == 422
    assert "order" in bad.json()["detail"]
    assert len(submitted(api, made)) == 1


def signed(scheme: str, secret: str, body: str) -> dict[str, str]:
    now = datetime.now(UTC)
    if scheme == "standard":
        return {
            "webhook-id": "m-1",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign("m-1", now, body),
        }
    if scheme == "github":
        digest = hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()
        return {"X-Hub-Signature-256": f"sha256={digest}", "X-GitHub-Delivery": "m-1"}
    at = int(now.timestamp())
    digest = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={at},v1={digest}"}


@pytest.mark.parametrize(
    "made", [{"webhook": {"scheme": scheme}} for scheme in ("standard", "github", "stripe")], indirect=True
)
async def test_signed_requests_alone_come_in_also_while_a_secret_is_rotated(api: Running, made: dict[str, Any]) -> None:
    scheme, body = made["webhook"]["scheme"], json.dumps({"order": "o-1", "id": "evt-1"})
    headers = {"Content-Type": "application/json"}
    path = f"{TRIGGERS}/{made['id']}"
    async with api.as_key("") as anybody:
        good = await anybody.post(made["address"], content=body, headers=headers | signed(scheme, made["secret"], body))
        other = await anybody.post(
            made["address"], content=body + " ", headers=headers | signed(scheme, made["secret"], body)
        )
        none = await anybody.post(made["address"], content=body, headers=headers)
        rotated = (await api.client.post(f"{path}/rotate", json={"overlap_s": 60})).json()
        old = await anybody.post(made["address"], content=body, headers=headers | signed(scheme, made["secret"], body))
        new = await anybody.post(
            made["address"], content=body, headers=headers | signed(scheme, rotated["secret"], body)
        )
        await api.client.post(f"{path}/rotate", json={"overlap_s": 0})
        late = await anybody.post(
            made["address"], content=body, headers=headers | signed(scheme, rotated["secret"], body)
        )
    assert good.status_code == 202, good.text
    assert [answer.status_code for answer in (other, none, late)] == [401, 401, 401]
    assert {answer.json()["run_id"] for answer in (good, old, new)} == {good.json()["run_id"]}
    await api.app.state.services.audit.auditing.flush()
    denied = [event for event in api.log.decoded(AUDIT_EVENTS) if event.actor == source_of(made["id"])]
    assert {event.action for event in denied} == {"requests.denied"}
    secrets = (made["secret"], rotated["secret"], made["address"].rpartition(".")[2])
    recorded = " ".join(map(str, api.log.decoded(AUDIT_EVENTS)))
    assert not any(secret in recorded + none.text.replace(made["address"], "") for secret in secrets)


async def test_address_is_rotated_paused_limited_and_gone(api: Running, made: dict[str, Any]) -> None:
    path = f"{TRIGGERS}/{made['id']}"
    rotated = (await api.client.post(f"{path}/rotate", json={"overlap_s": 0})).json()
    async with api.as_key("") as anybody:

        async def post(address: str, **kwargs: Any) -> int:
            return (await anybody.post(address, **({"json": {"order": "o"}} | kwargs))).status_code

        assert await post(made["address"]) == 404
        assert await post(rotated["address"]) == 202
        assert await post(rotated["address"], json=None, content=b"a=1", headers={"content-type": "text/plain"}) == 415
        assert await post(rotated["address"], json=None, content=b"{") == 422
        (await api.client.patch(path, json={"max_bytes": 10})).raise_for_status()
        assert await post(rotated["address"]) == 413
        (await api.client.patch(path, json={"max_bytes": 1_000, "paused": True})).raise_for_status()
        assert await post(rotated["address"]) == 503
        (await api.client.patch(path, json={"paused": False, "requests_per_minute": 1})).raise_for_status()
        assert 429 in [await post(rotated["address"]) for _ in range(3)]
        assert (await api.client.delete(path)).status_code == 204
        assert await post(rotated["address"]) == 404
        for wrong in ("/api/v1/hooks/x", rotated["address"][:-1] + "!", f"/api/v1/hooks/{made['id']}.{'A' * 43}"):
            assert await post(wrong) == 404


async def test_trigger_shows_no_secret_and_tries_without_a_run(api: Running, made: dict[str, Any]) -> None:
    path = f"{TRIGGERS}/{made['id']}"
    shown = (await api.client.get(path)).json()
    assert {"address", "secret"}.isdisjoint(shown)
    assert shown["webhook"]["path"] == f"/api/v1/hooks/{made['id']}.***"
    assert shown in (await api.client.get(TRIGGERS)).json()["triggers"]
    tried = (
        await api.client.post(f"{path}/try", json={"payload": {"order": "a"}, "headers": {"Idempotency-Key": "k"}})
    ).json()
    assert (tried["inputs"], tried["submission_id"], tried["filtered"]) == ({"text": "a"}, "k", False)
    assert (await api.client.post(f"{path}/try", json={"payload": 1})).status_code == 422
    assert submitted(api, made) == []
    assert (await api.client.post(TRIGGERS, json=BODY)).status_code == 409


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"inputs": {"text": "payload +"}}, 422, "inputs.text"),
        ({"inputs": {}}, 422, "inputs.text"),
        ({"filter": "'a'"}, 422, "filter"),
        ({"workflow_name": "nothing"}, 404, "nothing"),
        ({"webhook": None}, 422, "either webhook or topic"),
        ({"topic": {"name": "orders"}}, 422, "either webhook or topic"),
        ({"webhook": None, "topic": {"name": "payments"}}, 403, "TRIGGER_TOPICS"),
        ({"webhook": None, "topic": {"name": "run-events"}}, 403, "TRIGGER_TOPICS"),
        ({"subject": "payload +"}, 422, "subject"),
        ({"webhook": {"scheme": "standard", "secret": "too-short-for-one"}}, 422, "whsec_"),
        ({"webhook": {"scheme": "url", "secret": "x" * 20}}, 422, "no signatures"),
        ({"webhook": {"scheme": "stripe", "signature_header": "x"}}, 422, "github"),
    ],
)
async def test_a_wrong_trigger_is_refused_with_a_fix(
    api: Running, made: dict[str, Any], change: dict[str, Any], status: int, said: str
) -> None:
    answer = await api.client.post(TRIGGERS, json=BODY | {"name": "other"} | change)
    assert answer.status_code == status, answer.text
    assert said in answer.text
    assert "too-short-for-one" not in answer.text
    assert made["name"] == "orders"


async def test_a_topic_needs_no_vault_and_has_no_secret(api: Running, made: dict[str, Any]) -> None:
    body = BODY | {"name": "from a topic", "topic": {"name": "orders", "format": "avro"}}
    del body["webhook"]
    topic = (await api.client.post(TRIGGERS, json=body)).json()
    assert (topic["address"], topic["secret"], topic["kind"], topic["webhook"]) == (None, None, "topic", None)
    assert topic["topic"] == {"name": "orders", "format": "avro", "start": "now", "positions": []}
    path = f"{TRIGGERS}/{topic['id']}"
    assert (await api.client.post(f"{path}/rotate", json={})).status_code == 409
    assert (await api.client.patch(path, json={"max_bytes": 10})).status_code == 422
    assert (await api.client.patch(path, json={"paused": True})).json()["paused"] is True
    assert made["kind"] == "webhook"


@pytest.mark.parametrize("made", [{"webhook": {"cloudevents": True}}], indirect=True)
async def test_an_event_to_a_webhook_is_the_run_that_its_pair_is_on_every_door(
    api: Running, made: dict[str, Any]
) -> None:
    pair = {"ce-specversion": "1.0", "ce-id": "e-1", "ce-source": "urn:shop"}
    submission = {"workflow_name": "on_order", "inputs": {"text": "o-1"}}
    own = await api.client.post(
        "/api/v1/workflows/runs", json=submission, headers=pair | {"ce-type": "agentflow.workflow.submit"}
    )
    document = {"specversion": "1.0", "id": "e-1", "source": "urn:shop", "type": "order", "data": {"order": "o-1"}}
    async with api.as_key("") as anybody:
        binary = await anybody.post(made["address"], json={"order": "o-1"}, headers=pair | {"ce-type": "order"})
        structured = await anybody.post(
            made["address"], content=json.dumps(document), headers={"Content-Type": "application/cloudevents+json"}
        )
        other = await anybody.post(made["address"], json={"order": "o-2"}, headers=pair | {"ce-type": "order"})
        plain = await anybody.post(made["address"], json={"order": "o-1"})
        ours = {"ce-source": "trigger:x", "ce-type": "order"}
        foreign = await anybody.post(made["address"], json={"order": "o-1"}, headers=pair | ours)
    assert (own.status_code, binary.status_code, structured.status_code) == (202, 202, 202), own.text + binary.text
    assert binary.json() == structured.json() == {"filtered": False, "run_id": own.json()["id"], "duplicate": True}
    assert [one.status_code for one in (other, plain, foreign)] == [422, 422, 422]
    assert "takes CloudEvents" in plain.json()["detail"]
    tried = await api.client.post(
        f"{TRIGGERS}/{made['id']}/try",
        json={"payload": document, "headers": {"Content-Type": "application/cloudevents+json"}},
    )
    assert tried.json()["run_id"] == own.json()["id"], tried.text
    assert (tried.json()["source"], tried.json()["submission_id"]) == ("urn:shop", "e-1")
