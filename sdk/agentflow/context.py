"""What a tool may ask about the step that calls it."""

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class ToolContext(Protocol):
    """A parameter with this annotation gets the context of the call; it is no argument that a workflow gives.

    ``idempotency_key`` names the call: hand it to the service that the tool calls, so that the same call made again has
    no second effect.
    """

    @property
    def org_id(self) -> str:
        """The organisation that the run belongs to."""

    @property
    def run_id(self) -> str:
        """The run."""

    @property
    def step_id(self) -> str:
        """The step of the run."""

    @property
    def idempotency_key(self) -> str:
        """The name of the call."""

    @property
    def progress(self) -> Any:
        """The last progress of an earlier start of the step, or of its attempt before; ``None`` without one."""

    def secret(self, name: str) -> str:
        """Return a secret of the organisation that the tool declares (``@tool(..., secrets=["NAME"])``).

        In a worker of your own it is the variable of that name, or the file that ``NAME_FILE`` names. Raises
        ``StepError`` with code ``unknown_secret`` without it.
        """

    def heartbeat(self, progress: Any = None) -> None:
        """Say that the call still works, and store ``progress``, any JSON value, for a later start.

        Only workers of your own over HTTP store it. Raises ``agentflow.worker.Canceled`` there when nobody waits for
        the step any more.
        """
