"""``agentctl doctor``."""

import click

from agentflow.cli.columns import Column
from agentflow.cli.doctor.checks import CHECKS, found
from agentflow.cli.doctor.gather import gather
from agentflow.cli.errors import FAILED
from agentflow.cli.options import command as make
from agentflow.cli.session import Session

_LIST = (
    Column("CHECK", "check"),
    Column("PROBLEM", "problem"),
    Column("WHAT TO DO", "fix"),
    Column("PAGE", "page", wide=True),
)


@make(None, "doctor", example="agentctl doctor -o json")
def command(session: Session) -> None:
    """Find problems of the configuration and of the system, and say what to do about each.

    Exit code 1: it found some. A key that may administer sees workers; the platform's bootstrap key sees topics and
    dead letters, too.
    """
    facts = gather(session)
    rows = [
        {
            "check": check.name,
            "problem": finding.problem,
            "fix": finding.fix,
            "page": f"docs/troubleshooting.md#{check.page}",
        }
        for check, finding in found(facts)
    ]
    session.note(f"{len(CHECKS)} checks of {facts.endpoint}: {len(rows) or 'no'} problems")
    if not rows and session.format in {"table", "wide"}:
        return
    if session.format in {"table", "wide"}:
        for row in rows:
            click.echo(f"{row['check']}: {row['problem']}\n  {row['fix']}\n  {row['page']}")
    else:
        session.rows({"problems": rows}, rows, _LIST, "check")
    if rows:
        raise click.exceptions.Exit(FAILED)
