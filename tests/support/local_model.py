"""The ``local`` provider as a process of its own, with a behaviour that a test may change."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx

from connectors.providers.local.behaviour import LocalBehaviour
from deploy.local.roles import RoleProcess

_GOOD: dict[str, Any] = {field.name: field.default for field in fields(LocalBehaviour) if field.name != "echo"}


class LocalModelServer:
    """The process; a context manager. ``calls`` counts requests by idempotency key."""

    def __init__(self, data_dir: Path) -> None:
        self._process = RoleProcess(
            "local-model", ["-m", "connectors.providers.local.server"], {}, data_dir / "logs" / "local-model.log"
        )
        self.url = ""

    def __enter__(self) -> "LocalModelServer":
        self.url = str(self._process.start()["url"])
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()

    @contextmanager
    def behaving(self, **changes: Any) -> Iterator[LocalBehaviour]:
        """Behave otherwise for a while; gives the behaviour, which tells each call's fate."""
        self._post("/behaviour", _GOOD | changes)
        try:
            yield LocalBehaviour(**(_GOOD | changes))
        finally:
            self._post("/behaviour", _GOOD)

    def calls(self) -> dict[str, int]:
        """Return how often each idempotency key was sent."""
        with self._client() as client:
            found: dict[str, int] = client.get("/calls").raise_for_status().json()["by_key"]
        return found

    def _post(self, path: str, body: dict[str, Any]) -> None:
        with self._client() as client:
            client.post(path, json=body).raise_for_status()

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, timeout=10)
