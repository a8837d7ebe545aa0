"""Plays our MCP server on answers of an API that a test writes."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.mcp.protocol import read_message
from schemas.mcp.server import reply
from schemas.mcp.steps import Answered, Ask, Pause, Say

Body = Any
WORKFLOWS = {
    "workflows": [
        {"name": "document.analysis", "version": 1, "required_inputs": ["document_key"], "description": "Reads one."},
        {
            "name": "greet",
            "version": 3,
            "required_inputs": [],
            "input_schema": {"properties": {"name": {"type": "string"}}, "required": ["name"]},
        },
    ]
}
WHO = {"permissions": ["read", "write"]}
DRY_RUN = {"dry_run": True, "cheapest_path_usd": "0.0021", "unbounded": ["agent"], "budgets": []}


@dataclass
class Desk:
    """``answers`` are bodies, pairs of a status and a body, or functions of the request, by method and path."""

    answers: dict[tuple[str, str], Any] = field(default_factory=dict)
    asked: list[Ask] = field(default_factory=list)
    said: list[dict[str, Any]] = field(default_factory=list)
    waited: float = 0.0

    def __post_init__(self) -> None:
        self.answers = {
            ("GET", "/api/v1/whoami"): WHO,
            ("GET", "/api/v1/workflows"): WORKFLOWS,
            ("POST", "/api/v1/workflows/runs"): self._submitted,
            **self.answers,
        }

    def send(self, method: str, params: Mapping[str, Any] | None = None, message_id: Any = 1) -> Any:
        """Return the answer to a message."""
        given: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": dict(params or {})}
        message = read_message(json.dumps(given | ({} if message_id is None else {"id": message_id})))
        assert message is not None
        work, found = reply(message, "9.9"), None
        while True:
            try:
                step = work.send(found)
            except StopIteration as end:
                return end.value
            found = self._done(step)

    def call(self, name: str, arguments: Mapping[str, Any] | None = None, **meta: Any) -> Any:
        """Return the result of a call of a tool."""
        params: dict[str, Any] = {"name": name, "arguments": dict(arguments or {})}
        return self.send("tools/call", params | ({"_meta": meta} if meta else {}))["result"]

    def _done(self, step: Ask | Pause | Say) -> Answered | None:
        match step:
            case Ask():
                self.asked.append(step)
                found = self.answers.get((step.method, step.path), (404, {"type": "urn:agentflow:problem:not-found"}))
                if isinstance(found, Callable):  # type: ignore[arg-type]
                    found = found(step)
                return Answered(*found) if isinstance(found, tuple) else Answered(200, found)
            case Pause(seconds):
                self.waited += seconds
            case Say(message):
                self.said.append(message)
        return None

    @staticmethod
    def _submitted(step: Ask) -> Body:
        if step.params.get("dry_run"):
            return DRY_RUN
        return (202, {"id": "r1", "status": "queued"})
