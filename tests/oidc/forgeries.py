"""Forged tokens: what each is, and how it is made of what an attacker knows, the public keys and a good token."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.oidc.issuer import AUDIENCE, LocalIssuer, SigningKey

Forge = Callable[[LocalIssuer, SigningKey], str]
DAY_S = 86_400


def encoded(value: object) -> str:
    """Return a value, or a text of JSON, as a segment."""
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _unsigned(issuer: LocalIssuer, algorithm: str, signature: str = "") -> str:
    return f"{encoded({'alg': algorithm, 'kid': 'first', 'typ': 'JWT'})}.{encoded(issuer.claims())}.{signature}"


def _hmac_with(issuer: LocalIssuer, secret: bytes) -> str:
    signed = f"{encoded({'alg': 'HS256', 'kid': 'first', 'typ': 'JWT'})}.{encoded(issuer.claims())}"
    return f"{signed}.{base64.urlsafe_b64encode(hmac.digest(secret, signed.encode(), 'sha256')).rstrip(b'=').decode()}"


def _pem(issuer: LocalIssuer) -> bytes:
    public = issuer.keys[0].private.public_key()
    found: bytes = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return found


def _changed(issuer: LocalIssuer, change: Callable[[list[str]], list[str]]) -> str:
    return ".".join(change(issuer.token().split(".")))


def _by(attacker: SigningKey, issuer: LocalIssuer, kid: Any = "first", **header: Any) -> str:
    return issuer.token(headers={"kid": kid, **header}, key=attacker)


def _raw(issuer: LocalIssuer, header: str, payload: str) -> str:
    """Return a token that the issuer's own key has signed, with these very texts."""
    signed = f"{encoded(header)}.{encoded(payload)}"
    algorithm = jwt.get_algorithm_by_name("RS256")
    signature = algorithm.sign(signed.encode(), issuer.keys[0].private)
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _twice(issuer: LocalIssuer) -> str:
    text = json.dumps(issuer.claims(aud="other"))
    return _raw(issuer, '{"alg": "RS256", "kid": "first"}', f'{text[:-1]}, "aud": "{AUDIENCE}"}}')


def _jwk(attacker: SigningKey) -> dict[str, Any]:
    return attacker.public() | {"kid": "first"}


#: Signed by nobody, by somebody else, or over another text.
SIGNATURES: dict[str, Forge] = {
    "alg none": lambda issuer, _: _unsigned(issuer, "none"),
    "alg None": lambda issuer, _: _unsigned(issuer, "None", "AAAA"),
    "alg of RSA without a signature": lambda issuer, _: _unsigned(issuer, "RS256"),
    "HS256 with the public key as PEM": lambda issuer, _: _hmac_with(issuer, _pem(issuer)),
    "HS256 with the public key as JWK": lambda issuer, _: _hmac_with(
        issuer, json.dumps(issuer.keys[0].public()).encode()
    ),
    "HS256 with an empty key": lambda issuer, _: _hmac_with(issuer, b""),
    "signature cut off": lambda issuer, _: _changed(issuer, lambda parts: [*parts[:2], ""]),
    "signature of another token": lambda issuer, _: _changed(
        issuer, lambda parts: [*parts[:2], issuer.token(sub="bob").split(".")[2]]
    ),
    "changed payload": lambda issuer, _: _changed(
        issuer, lambda parts: [parts[0], encoded(issuer.claims(roles=["admin"])), parts[2]]
    ),
    "changed header": lambda issuer, _: _changed(
        issuer, lambda parts: [encoded({"alg": "RS256", "kid": "first", "x": 1}), *parts[1:]]
    ),
    "a fourth segment": lambda issuer, _: issuer.token() + ".AAAA",
    "another key with a known id": lambda issuer, attacker: _by(attacker, issuer),
    "algorithm that is not the key's": lambda issuer, _: issuer.token(
        key=SigningKey("first", "PS256", issuer.keys[0].private)
    ),
}
#: Headers that say where the key is.
HEADERS: dict[str, Forge] = {
    "unknown kid": lambda issuer, attacker: _by(attacker, issuer, "unknown"),
    "kid that is a path": lambda issuer, attacker: _by(attacker, issuer, "../../../../dev/null"),
    "kid that is SQL": lambda issuer, attacker: _by(attacker, issuer, "x' UNION SELECT 'first"),
    "kid that is a URL": lambda issuer, attacker: _by(attacker, issuer, f"{issuer.url}/attacker"),
    "kid that is a list": lambda issuer, _: _unsigned(issuer, "RS256", "AAAA").replace(
        encoded({"alg": "RS256", "kid": "first", "typ": "JWT"}), encoded({"alg": "RS256", "kid": ["first"]})
    ),
    "no kid": lambda issuer, _: _raw(issuer, '{"alg": "RS256"}', json.dumps(issuer.claims())),
    "embedded jwk": lambda issuer, attacker: _by(attacker, issuer, jwk=_jwk(attacker)),
    "jku of the attacker": lambda issuer, attacker: _by(attacker, issuer, jku=f"{issuer.url}/attacker"),
    "x5u of the attacker": lambda issuer, attacker: _by(attacker, issuer, x5u=f"{issuer.url}/attacker"),
    "x5c of the attacker": lambda issuer, attacker: _by(attacker, issuer, x5c=["MIIB"]),
    "an extension that must be understood": lambda issuer, _: issuer.token(headers={"crit": ["x"], "x": 1}),
    "payload beside the token": lambda issuer, _: _raw(
        issuer, '{"alg": "RS256", "kid": "first", "b64": false, "crit": ["b64"]}', json.dumps(issuer.claims())
    ),
    "alg that is there twice": lambda issuer, _: _raw(
        issuer, '{"alg": "none", "alg": "RS256", "kid": "first"}', json.dumps(issuer.claims())
    ),
    "another type of token": lambda issuer, _: issuer.token(headers={"typ": "logout+jwt"}),
}
#: Claims that a good key has signed: for others, or for another time.
CLAIMS: dict[str, Forge] = {
    "expired": lambda issuer, _: issuer.token(exp=int(time.time()) - 61),
    "no end": lambda issuer, _: issuer.token(exp=None),
    "end that is a text": lambda issuer, _: _raw(
        issuer, '{"alg": "RS256", "kid": "first"}', json.dumps(issuer.claims(exp="9999999999"))
    ),
    "end that is true": lambda issuer, _: _raw(
        issuer, '{"alg": "RS256", "kid": "first"}', json.dumps(issuer.claims(exp=True))
    ),
    "not valid yet": lambda issuer, _: issuer.token(nbf=int(time.time()) + 120),
    "issued in the future": lambda issuer, _: issuer.token(
        iat=int(time.time()) + DAY_S, exp=int(time.time()) + 2 * DAY_S
    ),
    "no time of issue": lambda issuer, _: issuer.token(iat=None),
    "another issuer": lambda issuer, _: issuer.token(iss="https://login.example.com"),
    "issuer with a slash more": lambda issuer, _: issuer.token(iss=f"{issuer.url}/"),
    "another audience": lambda issuer, _: issuer.token(aud="other"),
    "audience that begins alike": lambda issuer, _: issuer.token(aud=f"{AUDIENCE}-admin"),
    "audiences of others": lambda issuer, _: issuer.token(aud=["other", f"{AUDIENCE} "]),
    "audience in a list of lists": lambda issuer, _: _raw(
        issuer, '{"alg": "RS256", "kid": "first"}', json.dumps(issuer.claims(aud=[[AUDIENCE]]))
    ),
    "audience that is a member": lambda issuer, _: _raw(
        issuer, '{"alg": "RS256", "kid": "first"}', json.dumps(issuer.claims(aud={AUDIENCE: 1}))
    ),
    "audience beside nothing": lambda issuer, _: _raw(
        issuer, '{"alg": "RS256", "kid": "first"}', json.dumps(issuer.claims(aud=[AUDIENCE, None]))
    ),
    "no audience": lambda issuer, _: issuer.token(aud=None),
    "audience that is there twice": lambda issuer, _: _twice(issuer),
    "no subject": lambda issuer, _: issuer.token(sub=None),
    "claims that are a list": lambda issuer, _: _raw(issuer, '{"alg": "RS256", "kid": "first"}', '["iss"]'),
}
FORGERIES: dict[str, Forge] = SIGNATURES | HEADERS | CLAIMS
