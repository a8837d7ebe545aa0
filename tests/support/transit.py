"""A transit engine on this machine, with the answers of HashiCorp Vault: keys with versions, AES-256-GCM, policies."""

import base64
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.support.http_app import served_app

TOKEN = "hvs.test-token"


@dataclass
class FakeTransit:
    """One engine with one key, ``agentflow``. ``status`` is answered to everything while it is set."""

    keys: list[bytes] = field(default_factory=lambda: [os.urandom(32)])
    status: int = 0
    url: str = ""
    bodies: list[str] = field(default_factory=list)

    def rotate(self) -> None:
        self.keys.append(os.urandom(32))

    async def answer(self, request: web.Request) -> web.Response:
        if self.status:
            return web.json_response({"errors": ["it is sealed"]}, status=self.status)
        if request.headers.get("X-Vault-Token") != TOKEN:
            return web.json_response({"errors": ["permission denied"]}, status=403)
        operation, name = request.match_info["operation"], request.match_info["name"]
        if name != "agentflow":
            return web.json_response({"errors": ["no handler"]}, status=404)
        if operation == "keys":
            return web.json_response({"data": {"name": name, "type": "aes256-gcm96", "latest_version": len(self.keys)}})
        body = await request.json()
        self.bodies.append(json.dumps(body))
        aad = base64.b64decode(body["associated_data"])
        if operation == "encrypt":
            nonce = os.urandom(12)
            sealed = nonce + AESGCM(self.keys[-1]).encrypt(nonce, base64.b64decode(body["plaintext"]), aad)
            text = f"vault:v{len(self.keys)}:{base64.b64encode(sealed).decode()}"
            return web.json_response({"data": {"ciphertext": text, "key_version": len(self.keys)}})
        return self._opened(body["ciphertext"], aad)

    def _opened(self, text: str, aad: bytes) -> web.Response:
        try:
            _, version, data = text.split(":")
            sealed = base64.b64decode(data, validate=True)
            plain = AESGCM(self.keys[int(version[1:]) - 1]).decrypt(sealed[:12], sealed[12:], aad)
        except (InvalidTag, ValueError, IndexError):
            return web.json_response({"errors": ["cipher: message authentication failed"]}, status=400)
        return web.json_response({"data": {"plaintext": base64.b64encode(plain).decode()}})


@asynccontextmanager
async def transit_engine() -> AsyncIterator[FakeTransit]:
    """Serve an engine; its ``url`` is that of the setting."""
    engine = FakeTransit()
    app = web.Application()
    app.router.add_route("*", "/v1/transit/{operation}/{name}", engine.answer)
    async with served_app(app) as url:
        engine.url = f"{url}/v1/transit"
        yield engine
