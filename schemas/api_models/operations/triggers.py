"""Triggers: incoming webhooks, and topics of other systems, that submit runs."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue, SecretStr, model_validator

from schemas.api_models.base import Answer, Cents, Request, Tags, TagValue, Text
from schemas.spec.model import NAME_PATTERN
from schemas.triggers.definition import Format, Start
from schemas.triggers.expressions import MAX_CHARS
from schemas.triggers.signatures import Scheme

MAX_INPUTS = 64
#: A webhook's body, in bytes. More belongs into an object that the payload names.
MAX_HOOK_BYTES = 1024 * 1024
_HOOK_EXAMPLE: dict[str, JsonValue] = {
    "name": "pull-requests",
    "workflow_name": "document_analysis",
    "filter": "payload.action == 'opened'",
    "inputs": {"document_key": "payload.pull_request.diff_url"},
    "webhook": {"scheme": "github"},
}
_TOPIC_EXAMPLE: dict[str, JsonValue] = {
    "name": "orders",
    "workflow_name": "document_analysis",
    "inputs": {"document_key": "payload.document"},
    "idempotency": "payload.order_id",
    "topic": {"name": "orders", "format": "avro", "start": "earliest"},
}
Expression = Annotated[Text, Field(max_length=MAX_CHARS)]
Inputs = Annotated[
    dict[Annotated[str, Field(pattern=NAME_PATTERN)], Annotated[Expression, Field(min_length=1)]],
    Field(max_length=MAX_INPUTS),
]
HeaderName = Annotated[str, Field(pattern=r"^([A-Za-z0-9!#$%&'*+.^_`|~-]{1,64})?$")]
Secret = Annotated[SecretStr, Field(min_length=16, max_length=256)]
Name = Annotated[Text, Field(min_length=1, max_length=200)]
_VERSION = Field(default=None, ge=1, le=1_000_000_000, strict=True)


class WebhookHow(Request):
    """How requests are known to be of who may send them, and how many may come.

    ``url``: who knows the address may send. The others are signed: ``standard`` by Standard Webhooks, ``github`` by a
    hexadecimal HMAC-SHA256 of the body in ``signature_header``, ``stripe`` as Stripe does. ``secret`` is the one that
    the sender gave; without it one is made. ``idempotency_header`` has the key of a request, unless ``idempotency``
    is an expression. ``cloudevents``: each request is a CloudEvent, whose data is the payload, and whose source and id
    name the submission; those of signed webhooks are in structured mode.
    """

    scheme: Scheme = "url"
    secret: Secret | None = None
    signature_header: HeaderName = ""
    idempotency_header: HeaderName = ""
    cloudevents: bool = False
    requests_per_minute: int = Field(default=600, ge=1, le=60_000, strict=True)
    max_bytes: int = Field(default=262_144, ge=1, le=MAX_HOOK_BYTES, strict=True)


class TopicHow(Request):
    """The topic that is read, its format, and where reading begins: with records from ``now`` on, or the earliest."""

    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")
    format: Format = "json"
    start: Start = "now"


class CreateTrigger(Request):
    """A trigger: a request by ``webhook``, or a record in ``topic``, submits a run of ``workflow_name``.

    ``filter``, ``source``, ``idempotency``, ``subject`` and each of ``inputs`` are expressions in CEL over ``payload``
    and what came with it. A false filter submits nothing. Two that have one ``idempotency`` are one run; without it a
    record's is ``topic:partition:offset``, and a request's by its scheme. With ``source``, both name the submission on
    every door; without it the source is the trigger's own. ``subject`` is the person whose data the run handles.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"examples": [_HOOK_EXAMPLE, _TOPIC_EXAMPLE]}
    )

    name: Name
    workflow_name: str = Field(pattern=NAME_PATTERN)
    workflow_version: int | None = _VERSION
    inputs: Inputs = {}
    filter: Expression = ""
    source: Expression = ""
    idempotency: Expression = ""
    subject: Expression = ""
    tags: Tags = {}
    project: TagValue | None = Field(default=None, min_length=1)
    budget_cents: Cents | None = None
    webhook: WebhookHow | None = None
    topic: TopicHow | None = None
    paused: bool = False

    @model_validator(mode="after")
    def _one_of(self) -> "CreateTrigger":
        if (self.webhook is None) == (self.topic is None):
            raise ValueError("a trigger has either webhook or topic; give one of the two")
        return self


class ChangeTrigger(Request):
    """Fields that are left out stay. Where it reads, and how it is signed, cannot change: make another trigger.

    A paused topic is read on from where it was; a paused webhook answers 503.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [{"paused": True}]})

    name: Name | None = None
    workflow_name: str | None = Field(default=None, pattern=NAME_PATTERN)
    workflow_version: int | None = _VERSION
    inputs: Inputs | None = None
    filter: Expression | None = None
    source: Expression | None = None
    idempotency: Expression | None = None
    subject: Expression | None = None
    tags: Tags | None = None
    project: TagValue | None = Field(default=None, min_length=1)
    budget_cents: Cents | None = None
    idempotency_header: HeaderName | None = None
    cloudevents: bool | None = None
    requests_per_minute: int | None = Field(default=None, ge=1, le=60_000, strict=True)
    max_bytes: int | None = Field(default=None, ge=1, le=MAX_HOOK_BYTES, strict=True)
    paused: bool | None = None


class RotateTrigger(Request):
    """Both are good for ``overlap_s`` seconds: the sender takes the new one meanwhile.

    A new address with the scheme ``url``, else a new secret: ``secret``, where the sender made it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [{"overlap_s": 86_400}]})

    overlap_s: int = Field(default=86_400, ge=0, le=7 * 86_400)
    secret: Secret | None = None


class TryTrigger(Request):
    """Something that could arrive: the answer says what would become of it. Nothing is submitted."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"examples": [{"payload": {"action": "opened"}}]}
    )

    payload: JsonValue
    headers: dict[str, Text] = Field(default={}, max_length=100)
    query: dict[str, Text] = Field(default={}, max_length=100)
    key: Text = Field(default="", max_length=1_000)


class WebhookSource(Answer):
    """How a trigger's requests are checked; ``path`` is the address without what is secret in it."""

    scheme: Scheme
    path: str
    signature_header: str
    idempotency_header: str
    cloudevents: bool
    requests_per_minute: int
    max_bytes: int
    old_secret_until: str | None


class TriggerPosition(Answer):
    """How far a partition was submitted. ``lag`` counts the records that were there and are not submitted yet.

    ``refused`` are in the dead-letter topic ``topic-triggers.dlq``.
    """

    partition: int
    next_offset: int
    lag: int
    submitted: int
    filtered: int
    refused: int
    updated_at: str | None


class TriggerTopic(Answer):
    """A trigger's topic and how far it was submitted."""

    name: str
    format: Format
    start: Start
    positions: list[TriggerPosition] = []


class TriggerAnswer(Answer):
    """A trigger. ``problem`` says why its topic is not read. ``created_by`` is a key's id."""

    id: str
    name: str
    kind: Literal["webhook", "topic"]
    workflow_name: str
    workflow_version: int | None
    inputs: dict[str, str]
    filter: str
    source: str
    idempotency: str
    subject: str
    tags: dict[str, str]
    project: str | None
    budget_cents: str | None
    webhook: WebhookSource | None
    topic: TriggerTopic | None
    paused: bool
    problem: str | None
    created_by: str
    created_at: str | None
    updated_at: str | None


class NewTrigger(TriggerAnswer):
    """A trigger with what its sender needs, shown this once: the path to post to, and the secret of signatures."""

    address: str | None = None
    secret: str | None = None


class TriggerPage(Answer):
    """Triggers by their names."""

    triggers: list[TriggerAnswer]


class TriedTrigger(Answer):
    """The outcome that a payload would have: held back by the filter, or a run with these inputs and id."""

    filtered: bool
    inputs: dict[str, JsonValue] = {}
    source: str | None = None
    submission_id: str | None = None
    run_id: str | None = None


class HookAnswer(Answer):
    """A request was taken. ``filtered``: it submits nothing, by the trigger's filter; else it is the run ``run_id``.

    ``duplicate``: a request with the same idempotency key came before.
    """

    filtered: bool = False
    run_id: str | None = None
    duplicate: bool = False
