"""``agentctl topics``."""

from agentflow.cli.columns import Column
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.session import Session

TOPICS = "/api/v1/admin/topics"
_LIST = (
    Column("TOPIC", "name"),
    Column("PARTITIONS", "partitions", right=True),
    Column("PROBLEM", "problems", lambda found: "; ".join(found or ())),
    Column("KEY", "key", wide=True),
    Column("SUMMARY", "summary", wide=True),
)

command = group("topics", "List topics and how they differ from the catalogue. It takes the platform's bootstrap key.")


@make(command, "list", watch=True)
def list_topics(session: Session) -> None:
    """List the topics on the broker, with what differs from the catalogue."""

    def show() -> None:
        found = session.get(TOPICS)
        session.rows(found, found["topics"], _LIST, "name")

    session.repeat(show)
