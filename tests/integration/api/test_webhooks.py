"""Webhooks over HTTP: secrets are shown once, URLs are checked, deliveries are listed and repeated."""

import pytest

from schemas.settings import Settings
from tests.support.api import Running, running, settings_for, until_authenticated

WEBHOOKS = "/api/v1/webhooks"
BODY = {"url": "https://example.com/hooks", "events": ["run.*"], "description": "tickets"}


@pytest.fixture
def settings(dsn: str, redis_url: str) -> Settings:
    return settings_for(dsn, redis_url, VAULT_KEY="v" * 32)


async def test_a_webhook_is_made_changed_rotated_and_removed(api: Running) -> None:
    answer = await api.client.post(WEBHOOKS, json=BODY)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert {name: made[name] for name in BODY} == BODY
    path = f"{WEBHOOKS}/{made['id']}"
    assert (await api.client.get(path)).json() == made
    assert made in (await api.client.get(WEBHOOKS)).json()["webhooks"]

    changed = (await api.client.patch(path, json={"enabled": False, "events": ["budget.threshold"]})).json()
    assert (changed["enabled"], changed["events"], changed["url"]) == (False, ["budget.threshold"], BODY["url"])
    assert (await api.client.post(f"{path}/test")).status_code == 409
    assert (await api.client.patch(path, json={"enabled": True})).json()["enabled"]

    rotated = (await api.client.post(f"{path}/rotate", json={"overlap_s": 60})).json()
    assert rotated["secret"] not in (secret, "")
    assert rotated["old_secret_until"] is not None
    assert (await api.client.delete(path)).status_code == 204
    assert (await api.client.get(path)).status_code == 404


async def test_a_test_event_is_a_delivery_that_can_be_repeated_when_it_has_ended(api: Running) -> None:
    path = f"{WEBHOOKS}/{(await api.client.post(WEBHOOKS, json=BODY)).json()['id']}"
    sent = await api.client.post(f"{path}/test")
    assert sent.status_code == 202, sent.text
    one = sent.json()
    assert (one["event_type"], one["state"], one["tries"]) == ("webhook.test", "pending", 0)
    assert (await api.client.get(f"{path}/deliveries")).json()["deliveries"] == [one]
    assert (await api.client.get(f"{path}/deliveries", params={"state": "dead"})).json()["deliveries"] == []
    assert (await api.client.post(f"{path}/deliveries/{one['number']}/retry")).status_code == 409
    assert (await api.client.post(f"{path}/deliveries/{2**40}/retry")).status_code == 404


@pytest.mark.parametrize(
    ("body", "fix"),
    [
        ({"url": "http://example.com/"}, "use https"),
        ({"url": "https://10.1.2.3/"}, "private network"),
        ({"url": "https://[::ffff:169.254.169.254]/"}, "private network"),
        ({"url": "https://me:secret@example.com/"}, "neither a user"),
        ({"url": "https://example.com/", "events": ["run.failed; drop"]}, "run.failed"),
        ({"url": "https://example.com/", "events": []}, "events"),
        ({"url": "https://example.com/", "secret": "mine"}, "secret"),
        ({}, "url"),
    ],
)
async def test_a_wrong_webhook_is_refused_with_a_fix(api: Running, body: dict[str, object], fix: str) -> None:
    answer = await api.client.post(WEBHOOKS, json=body)
    assert answer.status_code == 422
    assert fix in answer.text
    assert "me:secret" not in answer.text


async def test_without_a_vault_key_there_are_no_webhooks(dsn: str, redis_url: str) -> None:
    async with running(settings_for(dsn, redis_url, VAULT_KEY="")) as bare:
        await until_authenticated(bare)
        answer = await bare.client.post(WEBHOOKS, json=BODY)
    assert answer.status_code == 503
    assert "VAULT_KEY" in answer.json()["detail"]
