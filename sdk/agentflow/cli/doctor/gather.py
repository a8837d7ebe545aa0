"""Reads the facts. What cannot be read is left out: a system that is half down is what the doctor is for."""

from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agentflow.cli.api import Answer, at
from agentflow.cli.doctor.facts import Facts
from agentflow.cli.errors import CliError
from agentflow.cli.profiles import ConfigFile
from agentflow.cli.session import Session
from agentflow.cli.views.runs import RUNS

_MEMINFO = Path("/proc/meminfo")
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
#: The newest failed runs, of a day, and the runs whose waits are asked.
_FAILED, _OPEN = 100, 50


def gather(session: Session) -> Facts:
    """Return the facts. Raises ``CliError`` only for a configuration that cannot be read."""
    settings = session.settings
    own: dict[str, Any] = {
        "endpoint": settings.endpoint.value,
        "origin": settings.endpoint.origin,
        "token": settings.token is not None,
        "config_file": str(settings.file),
        "config_mode": ConfigFile(settings.file).mode(),
    }
    try:
        ready = session.api.request("GET", "/ready")
    except CliError as exc:
        return Facts(**own, unreachable=exc.message.rpartition("): ")[2])
    own |= {
        "ready": ready.body if isinstance(ready.body, Mapping) else None,
        "ahead_s": _ahead_s(ready, session.now()),
        "memory": _memory() if urlsplit(settings.endpoint.value).hostname in _LOCAL else None,
    }
    refused = _refusal(session) if settings.token is not None else None
    return Facts(**own, refused=refused, **({} if refused or settings.token is None else _of_organisation(session)))


def _refusal(session: Session) -> tuple[int, str] | None:
    answer = session.api.request("GET", "/api/v1/whoami")
    if answer.status not in (401, 403):
        return None
    return answer.status, str(answer.body.get("detail")) if isinstance(answer.body, Mapping) else str(answer.status)


def _of_organisation(session: Session) -> dict[str, Any]:
    read = _Reader(session)
    budgets = read.list("/api/v1/budgets", "budgets")
    statuses = [read.one(at("/api/v1/budgets", one["id"], "status")) for one in budgets]
    letters = read.one("/api/v1/admin/dead-letters", limit=1)
    return {
        "workers": read.maybe("/api/v1/workers", "workers"),
        "topics": read.maybe("/api/v1/admin/topics", "topics"),
        "letters": letters.get("total"),
        "failed": read.list(RUNS, "runs", status="failed", since="1d", limit=_FAILED),
        "waiting": _waiting(session, read),
        "budgets": [one for one in statuses if one],
        "stops": read.list("/api/v1/stops", "stops"),
        "limits": read.one("/api/v1/limits"),
        "schedules": read.list("/api/v1/schedules", "schedules"),
        "load_problems": [
            *read.list("/api/v1/tools", "problems"),
            *read.list("/api/v1/functions", "problems"),
        ],
    }


class _Reader:
    """Reads what this key may see."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def one(self, path: str, **params: Any) -> dict[str, Any]:
        """Return a document; an empty one if it cannot be read."""
        try:
            found = self._session.get(path, **params)
        except CliError:
            return {}
        return found if isinstance(found, dict) else {}

    def maybe(self, path: str, field: str, **params: Any) -> Sequence[Any] | None:
        """Return a list; ``None`` if it cannot be read."""
        return self.one(path, **params).get(field)

    def list(self, path: str, field: str, **params: Any) -> Sequence[Any]:
        """Return a list; an empty one if it cannot be read."""
        return self.maybe(path, field, **params) or ()


def _waiting(session: Session, read: _Reader) -> list[Mapping[str, Any]]:
    open_runs = [
        run["id"] for status in ("running", "queued") for run in read.list(RUNS, "runs", status=status, limit=_OPEN)
    ][:_OPEN]
    if not open_runs:
        return []
    try:
        found = session.send("POST", f"{RUNS}/waiting", {"ids": open_runs})
    except CliError:
        return []
    return [step for run in found["runs"] for step in run["steps"]]


def _ahead_s(answer: Answer, now: float) -> float | None:
    try:
        return parsedate_to_datetime(answer.headers["date"]).timestamp() - now
    except (KeyError, ValueError):
        return None


def _memory(meminfo: Path = _MEMINFO) -> tuple[int, int] | None:
    try:
        rows = (line.split() for line in meminfo.read_text(encoding="ascii").splitlines())
        kib = {row[0].rstrip(":"): int(row[1]) for row in rows if len(row) > 1}
        return kib["MemAvailable"] * 1024, kib["MemTotal"] * 1024
    except (OSError, ValueError, KeyError):
        return None
