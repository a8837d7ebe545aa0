"""``agentctl vault``."""

from typing import Any

import click

from agentflow.cli.columns import Column
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.session import Session
from agentflow.cli.views.runs import ago

VAULT = "/api/v1/vault"
ROTATE = f"{VAULT}/rotate"
#: Between two requests of a rotation that waits or works.
PAUSE_S = 2.0
_VERSIONS = (
    Column("VERSION", "version", right=True),
    Column("SEALS", "seals", lambda yes: "yes" if yes else "soon"),
    Column("MASTER", "master"),
    Column("AGE", "created_at", ago, right=True),
)
_PROGRESS = (
    Column("STATE", "state"),
    Column("VERSION", "version", right=True),
    Column("LEFT", "left", right=True),
    Column("DAMAGED", "damaged", right=True),
    Column("WRAPPED", "wrapped", right=True),
)

command = group("vault", "See and rotate the keys that personal data is sealed with.")


@make(command, "status")
def status(session: Session) -> None:
    """Show the versions of the organisation's key, and what is sealed with them."""
    found = session.get(VAULT)
    session.note(
        f"{found['state']}: {found['subjects']} subjects, {found['erased']} erased, {found['tokens']} tokens; "
        f"{found['left']} under a version before, {found['behind']} versions under another master key"
    )
    session.rows(found, found["versions"], _VERSIONS, "version")


@make(command, "rotate", changes=True, example="agentctl vault rotate")
@click.option("--master", is_flag=True, help="Wrap the organisation's key by the present master key instead.")
@click.option("--resume", is_flag=True, help="Only continue a rotation that was cut off.")
def rotate(session: Session, *, master: bool, resume: bool) -> None:
    """Give the organisation's key a new version, wait until every process knows it, and wrap subjects' keys by it.

    No data is touched. The command may be stopped and repeated.
    """
    body: dict[str, Any] = {"key": "master"} if master else {"key": "organisation", "begin": not resume}
    found = session.change("POST", ROTATE, body)
    while _continues(found):
        session.note(f"{found['state']}: {found['left']} left")
        session.sleep(PAUSE_S)
        found = session.send("POST", ROTATE, body={"key": "organisation", "begin": False})
    session.one(found, _PROGRESS, "version")


def _continues(found: Any) -> bool:
    return bool(found["state"] == "settling" or (found["state"] == "wrapping" and found["left"] > found["damaged"]))
