"""What a trigger is, as it is stored: where something arrives, what becomes of it, and which run it submits."""

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict

from schemas.api_models.runs import SubmitRun
from schemas.money import cents
from schemas.triggers.arrived import TriggerKind
from schemas.triggers.mapping import Mapped, Rules
from schemas.triggers.signatures import Scheme

Format = Literal["json", "avro", "protobuf"]
#: Where the reading of a topic begins: with what was written since the trigger was made, or with all that there is.
Start = Literal["now", "earliest"]


class _Part(BaseModel):
    # A newer version may have stored fields that this one does not know.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Hook(_Part):
    """How requests arrive. ``signature_header`` is of the scheme ``github``, ``idempotency_header`` of all.

    ``cloudevents``: each request is an event, whose data is the payload.
    """

    scheme: Scheme
    signature_header: str = ""
    idempotency_header: str = ""
    cloudevents: bool = False
    requests_per_minute: int
    max_bytes: int


class TopicSource(_Part):
    """Which topic is read, and how."""

    name: str
    format: Format = "json"
    start: Start = "now"


class Definition(_Part):
    """A trigger's definition. It has ``hook`` or ``topic``."""

    workflow_name: str
    workflow_version: int | None = None
    inputs: dict[str, str]
    filter: str = ""
    source: str = ""
    idempotency: str = ""
    subject: str = ""
    tags: dict[str, str] = {}
    project: str | None = None
    budget_nano: int | None = None
    hook: Hook | None = None
    topic: TopicSource | None = None

    @property
    def kind(self) -> TriggerKind:
        """Return what it is."""
        return "webhook" if self.topic is None else "topic"

    @property
    def rules(self) -> Rules:
        """Return its expressions."""
        return Rules(self.kind, self.inputs, self.filter, self.source, self.idempotency, self.subject)

    def submission(self, mapped: Mapped) -> SubmitRun:
        """Return the submission of something that was mapped. Raises ``ValueError`` for one that cannot be."""
        return SubmitRun(
            workflow_name=self.workflow_name,
            workflow_version=self.workflow_version,
            inputs=mapped.inputs,
            tags=self.tags,
            project=self.project,
            budget_cents=None if self.budget_nano is None else Decimal(cents(self.budget_nano)),
            subject=mapped.subject,
        )


def source_of(trigger_id: str) -> str:
    """Return the source of a trigger's submissions."""
    return f"trigger:{trigger_id}"
