"""A local issuer of tokens: its discovery document and its keys over HTTP, and tokens that it signs."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.support.http_app import served_app

AUDIENCE = "agentflow"
_OF = {"RS256": RSAAlgorithm, "PS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}


@dataclass
class SigningKey:
    """A private key of the issuer."""

    kid: str
    algorithm: str
    private: Any

    @classmethod
    def new(cls, kid: str, algorithm: str = "RS256") -> "SigningKey":
        """Return a new key."""
        match algorithm:
            case "ES256":
                return cls(kid, algorithm, ec.generate_private_key(ec.SECP256R1()))
            case "EdDSA":
                return cls(kid, algorithm, ed25519.Ed25519PrivateKey.generate())
        return cls(kid, algorithm, rsa.generate_private_key(public_exponent=65537, key_size=2048))

    def public(self) -> dict[str, Any]:
        """Return the public key as the issuer publishes it."""
        data: dict[str, Any] = json.loads(_OF[self.algorithm].to_jwk(self.private.public_key()))
        return data | {"kid": self.kid, "use": "sig", "alg": self.algorithm}


@dataclass
class LocalIssuer:
    """The issuer. ``documents`` replaces what it serves by path; ``asked`` has the paths that were asked."""

    url: str
    keys: list[SigningKey]
    documents: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    down: bool = False

    def claims(self, **claims: Any) -> dict[str, Any]:
        """Return the claims of a good token, with others on top; ``None`` leaves one out."""
        now = int(time.time())
        good = {"iss": self.url, "aud": AUDIENCE, "sub": "ann", "iat": now, "exp": now + 600}
        return {name: value for name, value in (good | claims).items() if value is not None}

    def token(self, headers: dict[str, Any] | None = None, key: SigningKey | None = None, **claims: Any) -> str:
        """Return a signed token."""
        by = key or self.keys[0]
        all_headers = {"kid": by.kid} | (headers or {})
        return jwt.encode(self.claims(**claims), by.private, by.algorithm, headers=all_headers)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Serve a document."""
        self.asked.append(request.path)
        if self.down:
            return web.Response(status=503)
        served = {
            "/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": f"{self.url}/keys"},
            "/keys": {"keys": [key.public() for key in self.keys]},
        } | self.documents
        found = served.get(request.path)
        return web.Response(status=404) if found is None else web.json_response(found)


@asynccontextmanager
async def local_issuer(*keys: SigningKey) -> AsyncIterator[LocalIssuer]:
    """Run an issuer on a port of its own."""
    app = web.Application()
    issuer = LocalIssuer("", list(keys) or [SigningKey.new("first")])
    app.router.add_get("/{path:.*}", issuer.answer)
    async with served_app(app) as url:
        issuer.url = url
        yield issuer
