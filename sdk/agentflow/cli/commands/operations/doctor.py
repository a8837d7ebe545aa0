"""``agentctl doctor``."""

import importlib.util
import subprocess
import sys

import click

from agentflow.cli.columns import Column
from agentflow.cli.doctor.checks import CHECKS, found
from agentflow.cli.doctor.gather import gather
from agentflow.cli.errors import FAILED, CliError
from agentflow.cli.options import command as make
from agentflow.cli.session import Session

_LIST = (
    Column("CHECK", "check"),
    Column("PROBLEM", "problem"),
    Column("WHAT TO DO", "fix"),
    Column("PAGE", "page", wide=True),
)


#: Not imported: it is the application's, which this package does not need. It has the addresses of the engines.
_CLUSTER = "deploy.doctor"


@click.option("--cluster", is_flag=True, help="Look at the engines themselves, by the settings that roles have.")
def _doctor(session: Session, cluster: bool) -> None:
    """Find problems of the configuration and of the system, and say what to do about each.

    Exit code 1: it found some. A key that may administer sees workers; the platform's bootstrap key sees topics and
    dead letters, too. With --cluster it asks Kafka, Redis, PostgreSQL and ClickHouse instead of the API, so it runs
    where their settings are: in the checkout, or in a container of the site.
    """
    if cluster:
        _of_cluster(session)
        return
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


def _of_cluster(session: Session) -> None:
    """Run the doctor of the engines in a process of its own, and end with its exit code. Raises ``CliError``."""
    if importlib.util.find_spec(_CLUSTER.partition(".")[0]) is None:
        raise CliError(
            "--cluster needs the application, not its client alone",
            "run it in the checkout, or in a container: docker compose exec control-plane python -m deploy.doctor",
        )
    form = [] if session.format in {"table", "wide"} else ["--json"]
    done = subprocess.run([sys.executable, "-m", _CLUSTER, *form], check=False)
    if done.returncode:
        raise click.exceptions.Exit(done.returncode)


command = make(None, "doctor", example="agentctl doctor --cluster")(_doctor)
