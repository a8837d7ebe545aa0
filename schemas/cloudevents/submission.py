"""The submission, or the signal, that a CloudEvent is. One set of rules for every door.

The pair of source and id names a submission within its organisation, which the door knows and the event never says.
"""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from schemas.api_models.runs import MAX_ID_LENGTH
from schemas.cloudevents.event import CloudEvent
from schemas.errors import BadRecord, InvalidInput, Problem
from schemas.ids import OWN_SOURCES
from schemas.values.validation_texts import invalid_body

EVENT_TYPE = "agentflow.workflow.submit"
SIGNAL_TYPE = "agentflow.workflow.signal"
#: An event whose data a bridge has sealed for its data subject, see ``services.privacy.subjects.sealed_events``.
SEALED_TYPE = "agentflow.sealed"
#: A CloudEvent's own ``subject`` is something else.
SUBJECT_ATTRIBUTE = "datasubject"

Model = TypeVar("Model", bound=BaseModel)


def with_subject(event: CloudEvent) -> CloudEvent:
    """Return a submission whose data names the person of its attribute. Raises ``InvalidInput`` for two persons."""
    subject = event.attributes.get(SUBJECT_ATTRIBUTE)
    if not subject or not isinstance(event.data, dict) or event.type != EVENT_TYPE:
        return event
    if event.data.get("subject") not in (None, subject):
        fix = f"give one of data.subject and {SUBJECT_ATTRIBUTE}"
        raise InvalidInput.of(Problem("data.subject", f"is another person than {SUBJECT_ATTRIBUTE} names", fix))
    data = event.data | {"subject": subject}
    return CloudEvent(event.id, event.source, event.type, data, event.attributes)


def subject_id(event: CloudEvent) -> str | None:
    """Return the id of the person whom an event names, ``None`` for none. Raises ``InvalidInput`` for two persons."""
    if named := event.attributes.get(SUBJECT_ATTRIBUTE):
        with_subject(event)
        return named
    found = event.data.get("subject") if event.type == EVENT_TYPE and isinstance(event.data, dict) else None
    return None if found is None else str(found)


def read_data(event: CloudEvent, model: type[Model]) -> Model:
    """Return an event's data by its model. Raises ``BadRecord`` for its pair, ``InvalidInput`` for its data."""
    if max(len(event.id), len(event.source)) > MAX_ID_LENGTH:
        raise BadRecord("cloudevent", f"id and source have at most {MAX_ID_LENGTH} characters")
    try:
        return model.model_validate(event.data)
    except ValidationError as exc:
        raise invalid_body(exc, within="data") from exc


def refuse_own_source(source: str, path: str = "source") -> None:
    """Raise ``InvalidInput`` for a source that only AgentFlow itself submits with.

    A sender that used one could take the id of a run to come, such as a schedule's next slot.
    """
    if source.startswith(OWN_SOURCES):
        fix = "send a source of your own, such as the URI of your system"
        raise InvalidInput.of(Problem(path, f"begins with one of {', '.join(OWN_SOURCES)}, which are ours", fix))
