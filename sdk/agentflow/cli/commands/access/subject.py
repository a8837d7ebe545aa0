"""``agentctl subject``."""

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.session import Session
from agentflow.cli.views.runs import ago

SUBJECTS = "/api/v1/subjects"
_SHOWN = (
    Column("SUBJECT", "subject"),
    Column("KEY", "key"),
    Column("ERASED", "erased_at", ago, right=True),
)
_RUNS = (
    Column("RUN", "id"),
    Column("WORKFLOW", "workflow_name"),
    Column("STATUS", "status"),
    Column("AGE", "submitted_at", ago, right=True),
)
_RECEIPT = (
    Column("SUBJECT", "subject"),
    Column("ERASED AT", "erased_at"),
    Column("FIRST", "first", lambda value: "yes" if value else ""),
    Column("RUNS CANCELED", "runs_canceled", right=True),
    Column("AUDIT EVENT", "audit_event"),
)

command = group("subject", "Show and erase persons whose data runs handle, by your ids of them.")


@make(command, "show", example="agentctl subject show customer-17")
@click.argument("subject")
@click.option("--runs", is_flag=True, help="List the runs of the person, the newest 50.")
def show(session: Session, subject: str, *, runs: bool) -> None:
    """Show the pseudonym and the state of the key of SUBJECT."""
    found = session.get(at(SUBJECTS, subject))
    if runs:
        session.rows(found, found["runs"], _RUNS)
    else:
        session.one(found, _SHOWN)


@make(command, "erase", changes=True, example="agentctl subject erase customer-17 --yes")
@click.argument("subject")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(session: Session, subject: str, *, yes: bool) -> None:
    """Destroy the key of SUBJECT: nothing that was sealed with it can be read again. It cannot be undone."""
    if not yes and not session.given.get("dry-run"):
        click.confirm("Erase this person for ever?", abort=True, err=True)
    session.one(session.change("POST", f"{at(SUBJECTS, subject)}/erase", None), _RECEIPT)
