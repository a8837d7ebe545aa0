"""An OAuth server on loopback: tokens by the grant of client credentials, and the keys that sign them."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt

from tests.oidc.issuer import SigningKey

AUDIENCE = "kafka"


@dataclass
class TokenServer:
    """``clients`` are secrets by client id, the subject of a token. ``given`` is the number of tokens so far."""

    clients: dict[str, str]
    life_s: int = 300
    url: str = ""
    given: int = 0
    refused: int = 0
    key: SigningKey = field(default_factory=lambda: SigningKey.new("first"))

    def token(self, subject: str, **claims: object) -> str:
        """Return a signed token with other claims on top."""
        now = int(time.time())
        good = {"iss": self.url, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + self.life_s}
        return jwt.encode(good | claims, self.key.private, "RS256", headers={"kid": self.key.kid})

    def answer(self, login: str) -> tuple[int, dict[str, object]]:
        """Return status and body of a request for a token, by its header ``Authorization``."""
        client, _, secret = base64.b64decode(login.removeprefix("Basic ")).decode().partition(":")
        if not secret or self.clients.get(client) != secret:
            self.refused += 1
            return 401, {"error": "invalid_client"}
        self.given += 1
        return 200, {"access_token": self.token(client), "token_type": "Bearer", "expires_in": self.life_s}


@contextmanager
def token_server(clients: dict[str, str], life_s: int = 300) -> Iterator[TokenServer]:
    """Serve ``/token`` and ``/keys`` until the block ends."""
    server = TokenServer(clients, life_s)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._say(*server.answer(self.headers.get("Authorization", "")))

        def do_GET(self) -> None:
            self._say(200, {"keys": [server.key.public()]})

        def _say(self, status: int, body: dict[str, object]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.url = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
