"""``agentctl worker``."""

from agentflow.cli.columns import Column
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.session import Session
from agentflow.cli.views.runs import ago

WORKERS = "/api/v1/workers"
LIST = (
    Column("ID", "id"),
    Column("STATE", "state"),
    Column("IN FLIGHT", "", lambda worker: f"{worker['in_flight']}/{worker['concurrency']}", right=True),
    Column("LANES", "lanes"),
    Column("PROVIDERS", "providers", wide=True),
    Column("VERSION", "version", wide=True),
    Column("SEEN", "last_seen_at", ago, right=True),
)

command = group("worker", "List workers.")


@make(command, "list", watch=True)
def list_workers(session: Session) -> None:
    """List workers: live, lost and stopped ones. It takes an admin's key."""

    def show() -> None:
        found = session.get(WORKERS)
        session.rows(found, found["workers"], LIST)

    session.repeat(show)
