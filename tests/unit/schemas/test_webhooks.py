"""Signatures verify with the specification's own package, and retries last a day."""

import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from schemas.webhooks import RETRY_AFTER_MS, headers, new_secret, retry_after_ms, secret_bytes, signature, wants

BODY = b'{"type":"run.failed"}'


def test_the_specifications_package_verifies_what_is_signed() -> None:
    secret = new_secret()
    sent = headers([secret], "r1/failed", int(time.time()), BODY)
    assert Webhook(secret).verify(BODY, sent) == {"type": "run.failed"}


def test_both_secrets_verify_while_they_are_rotated() -> None:
    new, old = new_secret(), new_secret()
    sent = headers([new, old], "e", int(time.time()), BODY)
    assert len(sent["webhook-signature"].split(" ")) == 2
    for secret in (new, old):
        Webhook(secret).verify(BODY, sent)


@pytest.mark.parametrize("change", ["body", "id", "time", "secret"])
def test_nothing_else_verifies(change: str) -> None:
    secret, now = new_secret(), int(time.time())
    sent = headers([secret], "e", now, BODY)
    body = BODY + b" " if change == "body" else BODY
    sent |= {"webhook-id": "f"} if change == "id" else {}
    sent |= {"webhook-timestamp": str(now + 1)} if change == "time" else {}
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret() if change == "secret" else secret).verify(body, sent)


def test_a_signature_is_what_another_implementation_computed() -> None:
    # Of the package: `Webhook(secret).sign(id, timestamp, text)`, run once.
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}') == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%%%"])
def test_what_is_no_secret_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        secret_bytes(text)


def test_retries_last_a_day_and_then_it_is_given_up() -> None:
    assert sum(RETRY_AFTER_MS) == 24 * 3_600_000
    assert list(RETRY_AFTER_MS) == sorted(RETRY_AFTER_MS)
    assert [retry_after_ms(n, 0) for n in range(1, len(RETRY_AFTER_MS) + 1)] == list(RETRY_AFTER_MS)
    assert retry_after_ms(len(RETRY_AFTER_MS) + 1, 0) is None
    assert retry_after_ms(1, 1.0) == int(RETRY_AFTER_MS[0] * 1.1)


def test_patterns_name_types_of_events() -> None:
    assert wants(["run.*"], "run.failed")
    assert wants(["budget.threshold", "run.failed"], "run.failed")
    assert wants(["*"], "rollout.started")
    assert not wants(["run.failed"], "run.failed.twice")
    assert not wants([], "run.failed")
