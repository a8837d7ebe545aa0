"""``agentctl status``."""

from typing import Any

import click

from agentflow.cli.columns import Column
from agentflow.cli.errors import FAILED, CliError
from agentflow.cli.options import command as make
from agentflow.cli.session import Session

_LIST = (
    Column("PART", "part"),
    Column("STATUS", "status"),
    Column("MS", "ms", lambda value: "" if value is None else f"{value:.0f}", right=True),
    Column("DETAIL", "detail"),
)


@make(None, "status", watch=True, example="agentctl status --verbose")
@click.option("--verbose", "-v", is_flag=True, help="Also each dependency, the workers, and whose key it is.")
def command(session: Session, *, verbose: bool) -> None:
    """Show whether the system is ready. Exit code 1: it is not."""
    states: list[str] = []

    def show() -> None:
        ready = session.api.request("GET", "/ready").body
        states.append(ready["status"])
        rows = [{"part": "agentflow", "status": ready["status"], "detail": session.settings.endpoint.value}]
        rows += _parts(session, ready) if verbose else _broken(ready)
        session.rows({"status": ready["status"], "parts": rows}, rows, _LIST, "part")

    session.repeat(show)
    if states[-1] == "not ready":
        raise click.exceptions.Exit(FAILED)


def _dependencies(ready: Any) -> list[dict[str, Any]]:
    return [
        {"part": name, "status": state["status"], "ms": state["ms"], "detail": state.get("error") or ""}
        for name, state in ready["dependencies"].items()
    ]


def _broken(ready: Any) -> list[dict[str, Any]]:
    return [row for row in _dependencies(ready) if row["status"] != "ok"]


def _parts(session: Session, ready: Any) -> list[dict[str, Any]]:
    return [*_dependencies(ready), _key(session), *_workers(session)]


def _key(session: Session) -> dict[str, Any]:
    try:
        who = session.get("/api/v1/whoami")
    except CliError as exc:
        return {"part": "key", "status": "error", "detail": exc.line()}
    token = session.settings.token
    origin = f"from {token.origin}" if token else "none is set"
    may = ", ".join(who["permissions"])
    return {"part": "key", "status": "ok", "detail": f"{origin}, organisation {who['organisation']}, may {may}"}


def _workers(session: Session) -> list[dict[str, Any]]:
    try:
        workers = session.get("/api/v1/workers")["workers"]
    except CliError as exc:
        return [{"part": "workers", "status": "unknown", "detail": exc.line()}]
    return [
        {
            "part": f"worker {worker['id']}",
            "status": worker["state"],
            "detail": f"{worker['in_flight']} of {worker['concurrency']} in flight",
        }
        for worker in workers
    ] or [{"part": "workers", "status": "none", "detail": "start one: make run-worker"}]
