"""The SDK's fake API of prompts, as commands reach one."""

from collections.abc import Mapping
from typing import Any

import httpx
from agentflow.cli.api import Answer
from agentflow.testing.fake_api import URL, FakeApi


class PromptApi:
    """Answers commands by the SDK's fake API. ``changes`` counts the requests that are no GET."""

    def __init__(self) -> None:
        self.changes = 0
        self._client = httpx.Client(transport=httpx.MockTransport(FakeApi()), base_url=URL)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        document: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Answer a request."""
        self.changes += method != "GET"
        found = self._client.request(method, path, params=params, json=json, content=document, headers=headers)
        return Answer(found.status_code, found.json())
