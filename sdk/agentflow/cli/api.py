"""How commands reach the HTTP API: a port with one method, whose only implementation is the SDK's client."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from agentflow.cli.errors import BUDGET, CliError, code_of_status

if TYPE_CHECKING:
    from agentflow.client.events import RunEvent

Json = Any
#: What the guide of each status says where the answer has no fix of its own.
_FIXES = {
    307: "if you know that address, put it into AGENTFLOW_CELLS (separated by commas), or set it as the endpoint",
    401: "set the key: agentctl config set token <key>",
    403: "use a key with this permission, or of that organisation: agentctl config show",
    404: "check the name or the id: agentctl ... list shows what there is",
    429: "wait a moment, then try again",
    503: "see which dependency is down: agentctl status --verbose",
}


@dataclass(frozen=True)
class Answer:
    """An answer: its status, its body as JSON (or text), and its headers by lower-case name."""

    status: int
    body: Json
    headers: Mapping[str, str] = field(default_factory=dict)


class Api(Protocol):
    """Sends requests."""

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
        """Send a request and return its answer, also one that is an error.

        ``document`` is a body of YAML or JSON as a file has it. Raises ``CliError`` if there is no answer.
        """
        ...

    def watch(self, run_id: str) -> "Iterator[RunEvent]":
        """Yield a run's events, with the answers of models as they come. Raises ``CliError``."""
        ...


def checked(answer: Answer) -> Answer:
    """Return the answer of a request that succeeded. Raises ``CliError`` for an error, with its cause and fix."""
    if answer.status < 400 and answer.status != 307:
        return answer
    raise refused(answer.status, answer.body)


def refused(status: int, body: Json) -> CliError:
    """Return the error of a problem body: its detail, and the fix of its first problem."""
    problem = body if isinstance(body, Mapping) else {}
    parts = [part for part in problem.get("problems") or () if isinstance(part, Mapping)]
    detail = str(problem.get("detail") or problem.get("message") or f"the server answered {status}")
    named = [f"{part.get('path') or 'body'} {part.get('message')}" for part in parts]
    message = (
        detail if not named or all(str(part.get("message")) in detail for part in parts) else _joined(detail, named)
    )
    fix = next((str(part["fix"]) for part in parts if part.get("fix")), "" if parts else _FIXES.get(status, ""))
    if fix in message:  # many details end with their problem's fix
        fix = ""
    code = BUDGET if "budget" in str(problem.get("type", "")).rpartition(":")[2] else code_of_status(status)
    return CliError(message, fix, code)


def _joined(detail: str, named: list[str]) -> str:
    shown = "; ".join(named[:3]) + (f" (and {len(named) - 3} more)" if len(named) > 3 else "")
    return f"{detail}: {shown}"


def at(base: str, *parts: str) -> str:
    """Return a path with parts that people gave, each escaped."""
    from urllib.parse import quote

    return "/".join((base, *(quote(part, safe="") for part in parts)))
