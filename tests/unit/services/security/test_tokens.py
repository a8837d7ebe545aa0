"""Tokens of an issuer: good ones pass, forged ones do not, and times have a skew of a minute."""

import time

import pytest

from connectors.oidc.issuer import Issuer
from schemas.errors import Unauthenticated
from services.security.tokens import SKEW_S, Rules, check_claims
from tests.oidc.forgeries import FORGERIES
from tests.oidc.issuer import AUDIENCE, SigningKey, local_issuer
from tests.oidc.play import passed, verifier_of

RULES = Rules("https://login.example.com", "agentflow")
NOW = 1_800_000_000
GOOD = {"iss": RULES.issuer, "aud": RULES.audience, "sub": "ann", "iat": NOW, "exp": NOW + 600}


async def test_no_forged_token_passes_and_a_good_one_does() -> None:
    assert len(FORGERIES) >= 12
    assert await passed() == []


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
async def test_token_of_each_kind_of_key_passes(algorithm: str) -> None:
    async with local_issuer(SigningKey.new("one", algorithm)) as issuer, verifier_of(issuer) as verifier:
        assert (await verifier.claims(issuer.token(aud=["other", AUDIENCE])))["sub"] == "ann"


@pytest.mark.parametrize(
    ("claims", "valid"),
    [
        ({}, True),
        ({"exp": NOW - SKEW_S + 1}, True),
        ({"exp": NOW - SKEW_S}, False),
        ({"nbf": NOW + SKEW_S}, True),
        ({"nbf": NOW + SKEW_S + 1}, False),
        ({"iat": NOW + SKEW_S}, True),
        ({"iat": NOW + SKEW_S + 1}, False),
        ({"aud": ["agentflow"]}, True),
        ({"aud": []}, False),
        ({"aud": None}, False),
        ({"sub": ""}, False),
        ({"sub": 7}, False),
        ({"exp": NOW + 0.5}, True),
        ({"nbf": True}, False),
    ],
)
def test_claims_hold_within_a_minute_of_skew(claims: dict[str, object], valid: bool) -> None:
    if valid:
        check_claims(GOOD | claims, RULES, NOW)
        return
    with pytest.raises(Unauthenticated, match="this token is not valid"):
        check_claims(GOOD | claims, RULES, NOW)


async def test_token_is_in_no_error() -> None:
    async with local_issuer() as issuer, verifier_of(issuer) as verifier:
        token = issuer.token(sub="secret-subject", exp=int(time.time()) - 600)
        with pytest.raises(Unauthenticated) as refused:
            await verifier.claims(token)
    assert not any(part in str(refused.value) for part in (*token.split("."), "secret-subject"))


def test_issuer_of_no_secure_url_is_refused() -> None:
    for url in ("http://login.example.com", "login.example.com", "ftp://x", "https://", "https://u@login.example.com"):
        with pytest.raises(ValueError, match="must be an https URL"):
            Issuer(url, None)  # type: ignore[arg-type]
