"""What may be lost: messages to whoever listens now. Nothing that must be right may depend on one of them.

Subjects, each token escaped by ``token``:

- ``agentflow.cancel.<org>``: a run id; its calls in flight are to be broken off, since the run has ended
- ``agentflow.runs.<org>.<run id>``: a run view without inputs and outputs, as it was just written
- ``agentflow.watch.<org>.<run id>``: somebody watches the run for the next ``WATCH_S``; nobody else's views are said
- ``agentflow.want.<org>.<run id>``: somebody reads the run's answers as they come, for the next ``WATCH_S``; ``NEW``
  from one who wants all that there is
- ``agentflow.tokens.<org>.<run id>``: pieces of an answer (``schemas.records.token_pieces``)
"""

from collections.abc import Callable
from typing import Protocol
from urllib.parse import quote

Handler = Callable[[str, bytes], None]
"""Takes subject and data, in the event loop, and must not block or raise."""
Unsubscribe = Callable[[], None]

CANCELS = "agentflow.cancel.*"
WATCHES = "agentflow.watch.*.*"
READERS = "agentflow.want.*.*"
WATCH_S = 15.0
NEW = b"new"


class PubSub(Protocol):
    """Publish and subscribe at most once. No method blocks or raises for a server that is down."""

    @property
    def connected(self) -> bool:
        """Whether what is published now has a server to go to."""
        ...

    def publish(self, subject: str, data: bytes) -> bool:
        """Send to whoever listens; ``False`` when it is surely lost."""
        ...

    def subscribe(self, subject: str, handler: Handler) -> Unsubscribe:
        """Hand every message of a subject over from now on, over lost connections too; return how to stop that."""
        ...


class NoPubSub:
    """The bus of a deployment without one: nobody hears anything."""

    connected = False

    def publish(self, subject: str, data: bytes) -> bool:
        """Lose it."""
        return False

    def subscribe(self, subject: str, handler: Handler) -> Unsubscribe:
        """Nothing will come."""
        return lambda: None


def cancel_subject(org_id: str) -> str:
    """Return where an organisation's ended runs are said."""
    return f"agentflow.cancel.{token(org_id)}"


def run_subject(org_id: str, run_id: str) -> str:
    """Return where a run's changes are said."""
    return f"agentflow.runs.{token(org_id)}.{token(run_id)}"


def watch_subject(org_id: str, run_id: str) -> str:
    """Return where it is said that a run is watched."""
    return f"agentflow.watch.{token(org_id)}.{token(run_id)}"


def want_subject(org_id: str, run_id: str) -> str:
    """Return where it is said that a run's answers are read as they come."""
    return f"agentflow.want.{token(org_id)}.{token(run_id)}"


def tokens_subject(org_id: str, run_id: str) -> str:
    """Return where the pieces of a run's answers are said."""
    return f"agentflow.tokens.{token(org_id)}.{token(run_id)}"


def token(text: str) -> str:
    """Return any text as one token of a subject: dots, wildcards and blanks percent-encoded."""
    return quote(text, safe="").replace(".", "%2E") or "%"
