"""Callers that send a token of the OIDC issuer instead of a key."""

import hashlib
from collections.abc import Awaitable, Callable

from api.caller import Caller
from schemas.errors import Forbidden
from services.security.oidc import ClaimMapping
from services.security.tokens import SKEW_S, Claims, TokenVerifier, looks_like_a_token

Exists = Callable[[str], Awaitable[object | None]]
"""Returns an organisation by its id, ``None`` if there is none. Raises ``Unavailable``."""


class OidcTokens:
    """The callers of an issuer's tokens."""

    def __init__(self, verifier: TokenVerifier, mapping: ClaimMapping, organisation: Exists) -> None:
        self._verifier = verifier
        self._mapping = mapping
        self._organisation = organisation

    def looks_like_one(self, text: str) -> bool:
        """Return whether a text is to be read as a token, and not as a key."""
        return looks_like_a_token(text)

    async def caller(self, token: str) -> Caller:
        """Return who sends a token. Raises ``Unauthenticated``, ``Forbidden`` and ``Unavailable``."""
        claims = await self._verifier.claims(token)
        mapped = self._mapping.mapped(claims)
        if await self._organisation(mapped.org_id) is None:
            raise Forbidden(f"organisation {mapped.org_id} of this token does not exist here; ask its operator")
        return Caller(
            key_id=_id_of(claims),
            org_id=mapped.org_id,
            permissions=mapped.permissions,
            valid_until_ms=int((claims["exp"] + SKEW_S) * 1000),
            kind="oidc",
            roles=mapped.roles,
        )


def _id_of(claims: Claims) -> str:
    """Return what a person is known by here: it does not reveal the subject, and stays the same for all tokens."""
    who = f"{claims['iss']}|{claims['sub']}"
    return f"oidc-{hashlib.sha256(who.encode()).hexdigest()[:16]}"
