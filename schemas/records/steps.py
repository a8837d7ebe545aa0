"""``step-requests.*``: one attempt of one step, complete enough that a worker needs no look-up. Key: run id:step id."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.ids import request_id
from schemas.payload import PathPart, Payload
from schemas.policy import Tier
from schemas.records.base import Json, Millis, NanoDollars, Part, Record
from schemas.records.run_events import Capture


class Link(Part):
    """A place in ``args`` whose value is stored bytes: put ``payload`` (walked by ``path``) at ``at``."""

    at: list[PathPart]
    payload: Payload
    path: list[PathPart] = []


class LlmCall(Part):
    """Render ``template`` with the args and ask a model."""

    kind: Literal["llm"] = "llm"
    prompt_name: str
    prompt_version: int
    prompt_hash: str
    template: str
    provider: str | None = None
    model: str | None = None
    max_tokens: int = 1024
    temperature: float | None = None
    cache: bool = False


class ToolCall(Part):
    """Call the tool ``name`` with the args."""

    kind: Literal["tool"] = "tool"
    name: str


class FunctionCall(Part):
    """Call the pure function ``name`` with the args."""

    kind: Literal["function"] = "function"
    name: str


class StepRequest(Record):
    """One attempt of one step.

    ``args`` are the node's bound values with ``links`` still to be filled in. ``run_budget_nano`` is what is
    left of the run's own cap when the request was made. ``deferral`` counts how often this attempt was given back
    unstarted. ``idempotency_key`` is stable over deliveries of the attempt.
    """

    type: Literal["step.request"] = "step.request"
    run_id: str
    org_id: str
    workflow_name: str
    workflow_version: int
    step_id: str
    node_id: str
    attempt: int = Field(ge=1)
    deferral: int = 0
    tier: Tier
    work: Annotated[LlmCall | ToolCall | FunctionCall, Field(discriminator="kind")]
    args: dict[str, Json] = {}
    links: list[Link] = []
    timeout_ms: int | None = None
    sla_ms: int | None = None
    tags: dict[str, str] = {}
    run_budget_nano: NanoDollars | None = None
    capture: Capture = "full"
    requested_at_ms: Millis

    @property
    def request_id(self) -> str:
        """The id of the attempt, which is the claim's key and the idempotency key."""
        return request_id(self.run_id, self.step_id, self.attempt)
