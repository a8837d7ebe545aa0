"""Signatures of incoming webhooks, each scheme against requests as its sender makes them."""

import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from schemas.errors import Unauthenticated
from schemas.triggers.signatures import TOLERANCE_S, Scheme, default_id, verify
from schemas.webhooks import new_secret

NOW = 1_780_000_000
BODY = b'{"id": "evt_1", "n": 1}'
SECRET, OTHER = new_secret(), new_secret()


def sent(scheme: Scheme, secret: str, body: bytes = BODY, at: int = NOW) -> dict[str, str]:
    """Return the headers of a request."""
    if scheme == "standard":
        signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(at, UTC), body.decode())
        return {"webhook-id": "msg_1", "webhook-timestamp": str(at), "webhook-signature": signature}
    if scheme == "github":
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return {"x-hub-signature-256": f"sha256={digest}", "x-github-delivery": "d-1"}
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"stripe-signature": f"t={at},v1={digest},v0=00"}


SIGNED: list[Scheme] = ["standard", "github", "stripe"]


@pytest.mark.parametrize("scheme", SIGNED)
def test_verify_takes_what_a_secret_in_force_signed(scheme: Scheme) -> None:
    verify(scheme, [SECRET], sent(scheme, SECRET), BODY, NOW)
    verify(scheme, [OTHER, SECRET], sent(scheme, SECRET), BODY, NOW)


@pytest.mark.parametrize("scheme", SIGNED)
def test_verify_refuses_another_secret_body_and_no_header(scheme: Scheme) -> None:
    for headers, body, secrets in (
        (sent(scheme, OTHER), BODY, [SECRET]),
        (sent(scheme, SECRET), BODY + b" ", [SECRET]),
        (sent(scheme, SECRET), BODY, []),
        ({}, BODY, [SECRET]),
        (dict.fromkeys(sent(scheme, SECRET), ""), BODY, [SECRET]),
    ):
        with pytest.raises(Unauthenticated) as raised:
            verify(scheme, secrets, headers, body, NOW)
        assert SECRET not in str(raised.value)


@pytest.mark.parametrize("scheme", ["standard", "stripe"])
@pytest.mark.parametrize("late", [TOLERANCE_S + 1, -TOLERANCE_S - 1])
def test_verify_refuses_another_time(scheme: Scheme, late: int) -> None:
    verify(scheme, [SECRET], sent(scheme, SECRET), BODY, NOW + TOLERANCE_S)
    with pytest.raises(Unauthenticated, match="differs"):
        verify(scheme, [SECRET], sent(scheme, SECRET), BODY, NOW + late)


def test_example_of_github_is_verified() -> None:
    # The values that "Validating webhook deliveries" gives for trying an implementation.
    headers = {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}
    verify("github", ["It's a Secret to Everybody"], headers, b"Hello, World!", NOW)


def test_header_of_github_may_be_another() -> None:
    headers = {"x-signature": sent("github", SECRET)["x-hub-signature-256"].removeprefix("sha256=").upper()}
    verify("github", [SECRET], headers, BODY, NOW, "X-Signature")
    with pytest.raises(Unauthenticated, match="x-hub-signature-256 is missing"):
        verify("github", [SECRET], headers, BODY, NOW)


@pytest.mark.parametrize("value", ["t=1,t=2,v1=00", "v1=00", "t=x", "t=²", "=", ",", f"t={NOW}", f"t={NOW},v1=zz"])
def test_malformed_stripe_header_is_refused(value: str) -> None:
    with pytest.raises(Unauthenticated):
        verify("stripe", [SECRET], {"stripe-signature": value}, BODY, NOW)


@pytest.mark.parametrize(
    ("scheme", "headers", "payload", "found"),
    [
        ("url", {"idempotency-key": "k"}, {}, "k"),
        ("url", {}, {}, None),
        ("standard", {"webhook-id": "m"}, {}, "m"),
        ("github", {"x-github-delivery": "d"}, {}, "d"),
        ("stripe", {}, {"id": "evt_1"}, "evt_1"),
        ("stripe", {}, {"id": 3}, None),
        ("stripe", {}, ["id"], None),
    ],
)
def test_default_id(scheme: Scheme, headers: dict[str, str], payload: object, found: str | None) -> None:
    assert default_id(scheme, headers, payload) == found
