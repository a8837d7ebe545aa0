"""Names of queues. A queue belongs to the installation, or to one organisation.

A node writes ``counting`` for a queue of the installation, and ``org/counting`` for one of its own organisation, which
others do not share. A request, a topic and ``WORKER_QUEUES`` have the whole name: ``counting``, or ``acme.counting``.
"""

OWN = "org/"
#: The longest name of an organisation with its dot is added to a queue's in the name of a topic.
NAME = r"[a-z0-9][a-z0-9_-]{0,47}"
#: As a node writes it: of the installation, or of its organisation.
NODE_PATTERN = rf"^{NAME}$"
OWN_PATTERN = rf"^{OWN}{NAME}$"


def whole_name(queue: str, org_id: str) -> str:
    """Return the whole name of a queue that a node of the organisation names; empty for none."""
    return f"{org_id}.{queue.removeprefix(OWN)}" if queue.startswith(OWN) else queue


def owner_of(name: str) -> str | None:
    """Return the organisation of a queue by its whole name; ``None`` for a queue of the installation."""
    owner, dot, _ = name.rpartition(".")
    return owner if dot else None
