"""Sign-in with tokens of an issuer over HTTP: whose they are, what they may, rotation, and forged ones."""

import time
from collections.abc import AsyncIterator

import pytest

from schemas.settings import Settings
from tests.oidc.forgeries import FORGERIES
from tests.oidc.issuer import AUDIENCE, LocalIssuer, SigningKey, local_issuer
from tests.support.api import Running, changed, running, until_authenticated

WHOAMI = "/api/v1/whoami"


@pytest.fixture
async def issuer() -> AsyncIterator[LocalIssuer]:
    async with local_issuer() as found:
        yield found


@pytest.fixture
async def api(settings: Settings, issuer: LocalIssuer) -> AsyncIterator[Running]:
    oidc = {"OIDC_ISSUER": issuer.url, "OIDC_AUDIENCE": AUDIENCE, "OIDC_ORG_CLAIM": "org"}
    async with running(changed(settings, **oidc)) as found:
        await until_authenticated(found)
        yield found


async def status(api: Running, token: str, path: str = WHOAMI, method: str = "GET") -> int:
    async with api.as_key(token) as client:
        return (await client.request(method, path)).status_code


async def test_token_is_its_organisations_with_the_permissions_of_its_roles(api: Running, issuer: LocalIssuer) -> None:
    async with api.as_key(issuer.token(org=api.org_id, roles=["editor"])) as client:
        found = (await client.get(WHOAMI)).json()
        assert (found["kind"], found["organisation"], found["permissions"]) == ("oidc", api.org_id, ["read", "write"])
        assert found["key_id"].startswith("oidc-")
        assert "ann" not in str(found)
        assert (await client.get("/api/v1/workflows")).status_code == 200
        assert (await client.get("/api/v1/keys")).status_code == 403
        assert (await client.get(WHOAMI, headers={"X-Org-ID": "other"})).status_code == 403


async def test_token_without_a_known_organisation_or_role_may_nothing(api: Running, issuer: LocalIssuer) -> None:
    assert await status(api, issuer.token(org=api.org_id), "/api/v1/workflows") == 403
    assert await status(api, issuer.token(org="none", roles=["admin"]), "/api/v1/workflows") == 403
    assert await status(api, issuer.token(roles=["admin"]), "/api/v1/workflows") == 403
    admin = issuer.token(org=api.org_id, roles=["admin"])
    assert await status(api, admin, "/api/v1/keys") == 200
    assert await status(api, admin, "/api/v1/organisations") == 403


async def test_no_forged_token_passes_over_http(api: Running, issuer: LocalIssuer) -> None:
    attacker = SigningKey.new("attacker")
    found = {name: await status(api, forge(issuer, attacker)) for name, forge in FORGERIES.items()}
    assert {name for name, code in found.items() if code != 401} == set()


async def test_token_ends_at_its_time_although_it_is_remembered(api: Running, issuer: LocalIssuer) -> None:
    authenticator = api.app.state.services.access.authenticator
    token = issuer.token(org=api.org_id, roles=["viewer"])
    assert await status(api, token) == 200
    authenticator._now_ms = lambda: int((time.time() + 600 + 61) * 1000)
    assert await status(api, token) == 401


async def test_rotated_key_is_found(api: Running, issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.oidc.issuer.AGAIN_S", 0.0)
    assert await status(api, issuer.token(org=api.org_id)) == 200
    issuer.keys.insert(0, SigningKey.new("second", "ES256"))
    assert await status(api, issuer.token(org=api.org_id)) == 200


async def test_issuer_that_does_not_answer_is_503_and_keys_work(api: Running, issuer: LocalIssuer) -> None:
    issuer.down = True
    assert await status(api, issuer.token(org=api.org_id)) == 503
    assert await status(api, api.api_key) == 200


async def test_without_an_issuer_a_token_is_an_unknown_key(settings: Settings, issuer: LocalIssuer) -> None:
    async with running(settings) as api:
        await until_authenticated(api)
        assert await status(api, issuer.token(org=api.org_id)) == 401
    assert issuer.asked == []


@pytest.mark.parametrize(
    ("variables", "fix"),
    [
        ({"OIDC_ISSUER": "https://login.example.com"}, "OIDC_AUDIENCE"),
        ({"OIDC_ISSUER": "http://login.example.com", "OIDC_AUDIENCE": "x"}, "https"),
        ({"OIDC_ISSUER": "https://login.example.com", "OIDC_AUDIENCE": "x", "OIDC_ROLES": "a=look"}, "OIDC_ROLES"),
    ],
)
async def test_wrong_setting_is_refused_at_the_start(settings: Settings, variables: dict[str, str], fix: str) -> None:
    with pytest.raises(ValueError, match=fix):
        async with running(changed(settings, **variables)):
            pass
