import base64
import json
import random

from bench.privacy.secret_templates import made
from services.privacy.detect.secrets.checks import basic_credentials, github_checksum, json_web_token


def token(header: object, payload: object) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part(header)}.{part(payload)}.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"


def test_checksum_of_github_holds_for_made_tokens_and_not_for_changed_ones():
    rng = random.Random(5)
    for _ in range(20):
        one = made("{github:ghp}", rng)
        assert github_checksum(one)
        assert not github_checksum(one[:-1] + ("A" if one[-1] != "A" else "B"))


def test_json_web_token_needs_a_header_with_alg():
    assert json_web_token(token({"alg": "HS256"}, {"sub": "7"}))
    assert not json_web_token(token({"typ": "JWT"}, {"sub": "7"}))
    assert not json_web_token(token(["alg"], {"sub": "7"}))
    assert not json_web_token("eyJust.eyBeautiful.words")


def test_the_example_of_jwt_io_is_none():
    assert not json_web_token(token({"alg": "HS256"}, {"sub": "1234567890", "name": "John Doe"}))


def test_basic_credentials_are_a_user_and_a_password():
    assert basic_credentials(base64.b64encode(b"ann:tiger").decode())
    assert not basic_credentials(base64.b64encode(b"no colon here").decode())
    assert not basic_credentials(base64.b64encode(b"\x00\xff:\x80").decode())
    assert not basic_credentials("authentication")
