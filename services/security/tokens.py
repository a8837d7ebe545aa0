"""Tokens of an issuer (OIDC): who signed them, for whom, and until when.

    1. shape      three segments of at most 16 KiB; header and claims are JSON objects that name no member twice
    2. header     an asymmetric algorithm, no member that brings a key along, none that must be understood
    3. signature  by a key of the issuer, found by its id, with an algorithm that is the key's
    4. claims     issuer, audience, times with 60 s of skew, subject

A token is refused at the first of these that does not hold. No part of a refused token is in errors or logs.
"""

import base64
import binascii
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from connectors.oidc.keys import ALGORITHMS, VerificationKey
from schemas.errors import Unauthenticated, Undecodable
from schemas.values.json_text import read_json

MAX_CHARS = 16 * 1024
SKEW_S = 60
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
#: Members that bring a key along, or say where one is.
_KEYS = frozenset({"jwk", "jku", "x5u", "x5c"})
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})

Claims = Mapping[str, Any]


class Keys(Protocol):
    """The keys of an issuer, see ``connectors.oidc.issuer``."""

    async def key(self, kid: str) -> VerificationKey | None:
        """Return the key with an id, ``None`` if there is none. Raises ``Unavailable``."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """Who must have made a token, and for whom."""

    issuer: str
    audience: str


class TokenVerifier:
    """Verifies tokens. ``now_s`` is the time in seconds since 1970."""

    def __init__(self, rules: Rules, keys: Keys, now_s: Callable[[], float] = time.time) -> None:
        self._rules = rules
        self._keys = keys
        self._now_s = now_s

    async def claims(self, token: str) -> Claims:
        """Return the claims of a token. Raises ``Unauthenticated``, and ``Unavailable`` if no keys can be read."""
        header = _header(token)
        key = await self._keys.key(header["kid"])
        if key is None or header["alg"] not in key.algorithms:
            _refuse("its key is not one of the issuer's, or not for its algorithm")
        claims = _signed(token, key, header["alg"])
        check_claims(claims, self._rules, self._now_s())
        return claims


def looks_like_a_token(text: str) -> bool:
    """Return whether a bearer credential is to be read as a token: three segments, the first of a JSON object."""
    return text.startswith("eyJ") and text.count(".") == 2


def check_claims(claims: Claims, rules: Rules, now_s: float) -> None:
    """Raise ``Unauthenticated`` unless claims are of the issuer, for the audience, and of this time."""
    if claims.get("iss") != rules.issuer:
        _refuse("another issuer made it")
    audience = claims.get("aud")
    listed = [audience] if isinstance(audience, str) else audience
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed) or rules.audience not in listed:
        _refuse("it is for another audience")
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        _refuse("it has no subject")
    if _time(claims, "exp", required=True) <= now_s - SKEW_S:
        _refuse("it has expired; sign in again")
    if _time(claims, "nbf", required=False) > now_s + SKEW_S:
        _refuse("it is not valid yet")
    if _time(claims, "iat", required=True) > now_s + SKEW_S:
        _refuse("it was issued in the future; compare the clocks of the issuer and of the API")


def _header(token: str) -> dict[str, Any]:
    if len(token) > MAX_CHARS or _SHAPE.fullmatch(token) is None:
        _refuse("it does not have three segments, or is too long")
    header = _object(token.partition(".")[0])
    if _KEYS & header.keys():
        _refuse("its header brings a key along")
    if "crit" in header or "b64" in header:
        _refuse("its header has extensions")
    if str(header.get("typ", "JWT")).lower() not in _TYPES:
        _refuse("it is of another type")
    if header.get("alg") not in ALGORITHMS:
        _refuse("its algorithm is not an asymmetric one")
    if not isinstance(header.get("kid"), str):
        _refuse("its header names no key")
    return header


def _signed(token: str, key: VerificationKey, algorithm: str) -> Claims:
    # Late, as in ``connectors.oidc.keys``.
    from jwt import PyJWS, PyJWTError

    try:
        PyJWS().decode_complete(token, key.verifier(algorithm))
    except PyJWTError:
        _refuse("its signature does not hold")
    return _object(token.split(".")[1])


def _object(segment: str) -> dict[str, Any]:
    """Return the JSON object of a segment, of which no member is there twice."""
    try:
        data = base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
        found = read_json(data)
    except (binascii.Error, ValueError, Undecodable):
        found = None
    if not isinstance(found, dict):
        _refuse("a segment is not a JSON object whose members are there once")
    return found


def _time(claims: Claims, name: str, *, required: bool) -> float:
    value = claims.get(name)
    if value is None and not required:
        return float("-inf")
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(f"its {name} is not a number of seconds")
    return value


def _refuse(why: str) -> NoReturn:
    raise Unauthenticated(f"this token is not valid: {why}")
