"""CloudEvents of data subjects that pass a topic: a bridge seals their data, the ingress opens it.

A topic keeps its records for days, so the data of a person must not be in one in clear. A sealed event has in clear:

| attribute | value |
|---|---|
| ``type`` | ``agentflow.sealed`` |
| ``source``, ``id`` | the sender's: they name the submission. Refused when they have the person's id or look personal |
| ``datasubject`` | the pseudonym, in place of the id |
| ``data`` | ``{"sealed": <reference>}``: type, data and trace context of the event, under the person's key |
"""

from typing import Any

import msgspec

from connectors.objects.store import Objects
from schemas.cloudevents.event import CloudEvent
from schemas.cloudevents.submission import SEALED_TYPE, SUBJECT_ATTRIBUTE
from schemas.errors import BadRecord
from schemas.payload import Reference
from schemas.privacy.sealed import is_sealed
from schemas.privacy.wants import Sealing
from schemas.trace_context import CONTEXT
from services.privacy.subjects.ports import SubjectKeys
from services.privacy.subjects.pseudonym import pseudonym_of
from services.privacy.subjects.submission import LooksPersonal, check_clear, nothing_personal


class SealedEvents:
    """Seals and opens. Every method raises ``Unavailable`` while the vault or the objects do not answer."""

    def __init__(self, objects: Objects, keys: SubjectKeys, looks_personal: LooksPersonal = nothing_personal) -> None:
        self._objects = objects
        self._keys = keys
        self._looks_personal = looks_personal

    async def sealed(self, org_id: str, event: CloudEvent, subject_id: str) -> CloudEvent:
        """Return an event as a topic may keep it.

        Raises ``SubjectErased``, and ``InvalidInput`` for a wrong id of a person or personal data in the event's names.
        """
        check_clear(self._looks_personal, subject_id.strip(), {"source": event.source, "id": event.id})
        subject = await pseudonym_of(self._keys, org_id, subject_id)
        kept = {name: value for name, value in event.attributes.items() if name in (*CONTEXT, SUBJECT_ATTRIBUTE)}
        plain = {"type": event.type, "data": event.data, "attributes": kept}
        payload = await self._objects.to_payload(org_id, plain, sealing=Sealing(subject))
        attributes = {"specversion": "1.0", "id": event.id, "source": event.source, "type": SEALED_TYPE}
        data = {"sealed": msgspec.to_builtins(payload)}
        return CloudEvent(event.id, event.source, SEALED_TYPE, data, attributes | {SUBJECT_ATTRIBUTE: subject})

    async def opened(self, org_id: str, event: CloudEvent) -> CloudEvent:
        """Return a sealed event as it was sent. Raises ``SubjectErased``, and ``BadRecord`` for what is none."""
        found = await self._objects.resolve(org_id, _reference(event))
        if not _is_event(found):
            raise BadRecord("cloudevent", "what is sealed in it is no event")
        attributes = {"specversion": "1.0", "id": event.id, "source": event.source, **found["attributes"]}
        return CloudEvent(event.id, event.source, found["type"], found["data"], attributes | {"type": found["type"]})


def _reference(event: CloudEvent) -> Reference:
    sealed = event.data.get("sealed") if isinstance(event.data, dict) else None
    try:
        reference = msgspec.convert(sealed, Reference)
    except msgspec.ValidationError as exc:
        raise BadRecord("cloudevent", f"an event of the type {SEALED_TYPE} has data.sealed, a reference") from exc
    if not is_sealed(reference):
        raise BadRecord("cloudevent", "data.sealed names nothing sealed; send the event to the bridge or over HTTP")
    return reference


def _is_event(found: Any) -> bool:
    if not isinstance(found, dict) or found.keys() != {"type", "data", "attributes"}:
        return False
    attributes = found["attributes"]
    texts = isinstance(attributes, dict) and all(isinstance(one, str) for one in attributes.values())
    return texts and isinstance(found["type"], str) and found["type"] != SEALED_TYPE
