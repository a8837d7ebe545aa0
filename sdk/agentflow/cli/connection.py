"""The SDK's requests and transport as the port of the commands: its retries and keys, without its models.

Errors are one line and an exit code.
"""

import json as json_text
from collections.abc import Iterator, Mapping
from typing import Any

from agentflow.cli.api import Answer, Api, Json, refused
from agentflow.cli.errors import AUTH, FAILED, TIME_LIMIT, CliError
from agentflow.cli.settings import Settings
from agentflow.client.configuration import Configuration
from agentflow.client.events import RunEvent
from agentflow.client.request import Request, prepare
from agentflow.client.response import Response
from agentflow.client.retries import Retries
from agentflow.client.sync.transport import Transport
from agentflow.errors import APIError, NoAnswer, TimedOut

#: A person waits; two more attempts bridge a restart.
_RETRIES = 2
_TIMEOUT_S = 60.0
#: Stands in where no key is set: `/health` and `/ready` need none.
_NO_TOKEN = "none"  # noqa: S105
_KEYLESS = ("/health", "/ready", "/metrics", "/openapi.json")


def connect(settings: Settings) -> Api:
    """Return the API at the configured address. Nothing is sent yet."""
    return _ClientApi(settings)


class _ClientApi:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        token, org_id = settings.token, settings.org_id
        self._configuration = Configuration(
            settings.endpoint.value, token.value if token else _NO_TOKEN, org_id.value if org_id else None
        )
        self.transport = Transport(settings.endpoint.value, _TIMEOUT_S, Retries(most=_RETRIES))

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Json = None,
        document: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        if self._settings.token is None and path not in _KEYLESS:
            raise CliError("no API key is set", "set one: agentctl config set token <key>, or AGENTFLOW_TOKEN", AUTH)
        sent = ({"Content-Type": _type_of(document)} if document is not None else {}) | dict(headers or {})
        content = None if document is None else document.encode()
        request = prepare(
            self._configuration,
            method,
            path,
            params=params,
            body=json,
            content=content,
            headers=sent or None,
            # "Not ready" is an answer, and not a reason to ask again.
            repeat=False if path in _KEYLESS else None,
        )
        try:
            found = self.transport.send(request)
        except TimedOut as exc:
            raise CliError(str(exc), "", TIME_LIMIT) from exc
        except NoAnswer as exc:
            raise CliError(self._unreachable(exc), "find out why: agentctl doctor", FAILED) from exc
        return Answer(found.status, _body(found), found.headers)

    def prepared(self, method: str, path: str, headers: dict[str, str]) -> Request:
        """Return a request to stream."""
        return prepare(self._configuration, method, path, headers=headers)

    def watch(self, run_id: str) -> Iterator[RunEvent]:
        # Imported here: it brings the models of answers, which commands do without.
        from agentflow.client.sync.watching import watched

        try:
            yield from watched(self, run_id, None, tokens=True)
        except APIError as exc:
            raise refused(exc.status, exc.problem) from exc
        except NoAnswer as exc:
            raise CliError(self._unreachable(exc), "find out why: agentctl doctor", FAILED) from exc

    def _unreachable(self, exc: NoAnswer) -> str:
        endpoint = self._settings.endpoint
        reason = str(exc).partition("; ")[0].rpartition(": ")[2]
        return f"nothing answers at {endpoint.value} ({endpoint.origin}): {reason}"


def _body(found: Response) -> Json:
    if "json" in found.headers.get("content-type", ""):
        try:
            return found.json()
        except ValueError:
            return found.text
    return found.text if found.content else None


def _type_of(document: str) -> str:
    try:
        json_text.loads(document)
    except ValueError:
        return "application/yaml"
    return "application/json"
