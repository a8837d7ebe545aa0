"""Keys, permissions and organisations over HTTP."""

import asyncpg
import pytest

from schemas.settings import Settings
from tests.support.api import (
    SUBMISSION,
    Running,
    changed,
    running,
    unique,
    until_authenticated,
)

KEYS = "/api/v1/keys"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Bearer ",
        "Bearer wrong",
        "Basic YTpi",
        "Bearer af_0123456789abcdef_" + "x" * 43,
        "bearer \xff",
    ],
)
async def test_no_good_key_is_401(api: Running, header: str | None) -> None:
    headers = {"Authorization": header.encode("latin-1")} if header is not None else {}
    async with api.as_key(None) as client:
        answer = await client.get("/api/v1/workflows", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_key_lives_from_its_creation_to_its_revocation(api: Running) -> None:
    made = (await api.client.post(KEYS, json={"name": "ci", "permissions": ["read"]})).json()
    assert made["key"].startswith(f"af_{made['id']}_")
    assert made["key"].endswith(made["last4"])
    listed = (await api.client.get(KEYS)).json()["keys"]
    assert made["id"] in [k["id"] for k in listed]
    assert made["key"] not in str(listed)
    async with api.as_key(made["key"]) as client:
        assert (await client.get("/api/v1/workflows")).status_code == 200
        assert (await api.client.delete(f"{KEYS}/{made['id']}")).status_code == 204
        assert (await client.get("/api/v1/workflows")).status_code == 401
    assert (await api.client.delete(f"{KEYS}/{made['id']}")).status_code == 404


async def test_a_changed_secret_is_not_the_key(api: Running) -> None:
    made = (await api.client.post(KEYS, json={"name": "x"})).json()
    wrong = made["key"][:-1] + ("a" if made["key"][-1] != "a" else "b")
    async with api.as_key(wrong) as client:
        assert (await client.get("/api/v1/workflows")).status_code == 401


@pytest.mark.parametrize(
    ("permissions", "statuses"),
    [
        (["read"], {"read": 200, "write": 403, "admin": 403}),
        (["write"], {"read": 403, "write": 404, "admin": 403}),
        (["admin"], {"read": 403, "write": 403, "admin": 200}),
        (["read", "write", "admin"], {"read": 200, "write": 404, "admin": 200}),
    ],
)
async def test_permissions(api: Running, permissions: list[str], statuses: dict[str, int]) -> None:
    made = (await api.client.post(KEYS, json={"name": "some", "permissions": permissions})).json()
    async with api.as_key(made["key"]) as client:
        found = {
            "read": (await client.get("/api/v1/workflows/runs")).status_code,
            "write": (await client.post("/api/v1/workflows/runs", json=SUBMISSION)).status_code,
            "admin": (await client.get(KEYS)).status_code,
        }
    assert found == statuses


async def test_x_org_id_must_match(api: Running) -> None:
    own = await api.client.get("/api/v1/workflows", headers={"X-Org-ID": api.org_id})
    assert own.status_code == 200
    other = await api.client.get("/api/v1/workflows", headers={"X-Org-ID": "somebody-else"})
    assert (other.status_code, other.json()["type"]) == (403, "urn:agentflow:problem:forbidden")


async def test_organisations_are_made_by_the_bootstrap_key_only(api: Running) -> None:
    org = unique("new")
    made = await api.client.post("/api/v1/organisations", json={"id": org, "name": "New"})
    assert made.status_code == 201, made.text
    body = made.json()
    assert body["submissions_topic"] == f"workflow-submissions.{org}"
    assert api.app.state.created_topics.count(org) >= 1  # the start creates those of all organisations
    assert (await api.client.post("/api/v1/organisations", json={"id": org})).status_code == 409
    assert (await api.client.post("/api/v1/organisations", json={"id": "a.b"})).status_code == 422
    async with api.as_key(body["key"]["key"]) as client:
        assert (await client.get("/api/v1/workflows/runs")).status_code == 200
        assert (await client.post("/api/v1/organisations", json={"id": "more"})).status_code == 403
        foreign = (await api.client.post(KEYS, json={"name": "x"})).json()["id"]
        assert (await client.delete(f"{KEYS}/{foreign}")).status_code == 404


async def test_no_key_is_stored_anywhere(api: Running) -> None:
    made = (await api.client.post(KEYS, json={"name": "secret"})).json()
    conn = await asyncpg.connect(api.postgres_dsn)
    rows = await conn.fetch("SELECT api_key::text AS row FROM api_key")
    await conn.close()
    everything = " ".join(row["row"] for row in rows)
    assert made["id"] in everything
    assert made["key"][20:] not in everything
    assert api.api_key not in everything


async def test_a_bootstrap_key_lives_as_long_as_the_setting_names_it(settings: Settings) -> None:
    async with running(settings) as api:
        await until_authenticated(api)
        (own,) = (await api.client.get(KEYS)).json()["keys"]
        assert (await api.client.delete(f"{KEYS}/{own['id']}")).status_code == 409
    async with running(changed(settings, API_KEY="another-bootstrap-key")) as api:
        await until_authenticated(api)
        async with api.as_key(settings.security.api_key.get_secret_value()) as old:
            assert (await old.get("/api/v1/workflows")).status_code == 401


async def test_another_pepper_makes_old_keys_unknown(settings: Settings) -> None:
    async with running(settings) as api:
        await until_authenticated(api)
        made = (await api.client.post(KEYS, json={"name": "x"})).json()
    async with running(changed(settings, KEY_PEPPER="other")) as api:
        await until_authenticated(api)
        async with api.as_key(made["key"]) as client:
            assert (await client.get("/api/v1/workflows")).status_code == 401
