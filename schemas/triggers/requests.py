"""Requests to incoming webhooks: what expressions read of one, and the pair that names its submission. Pure.

A webhook that takes CloudEvents reads the payload and the pair of source and id from the event, in structured or in
binary mode. In either mode an expression reads the event's attributes as headers ``ce-<name>``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.cloudevents.event import CloudEvent
from schemas.cloudevents.http import PREFIX, event_of_request, mode_of
from schemas.errors import BadRecord
from schemas.records.base import Json
from schemas.triggers.arrived import Request
from schemas.triggers.definition import Hook, source_of
from schemas.triggers.mapping import Mapped, checked_id, checked_source
from schemas.triggers.signatures import default_id


@dataclass(frozen=True, slots=True)
class Pair:
    """What names a submission. Without an id each arrival is a run of its own."""

    source: str
    id: str | None


def read_request(
    hook: Hook, payload: Json, headers: Mapping[str, str], query: Mapping[str, str]
) -> tuple[Request, CloudEvent | None]:
    """Return what expressions read of a request, and its event. Raises ``BadRecord`` for one that has no event."""
    if not hook.cloudevents:
        return Request(payload, headers, query), None
    mode = mode_of(headers)
    if mode is None or mode == "batch":
        said = "this webhook takes CloudEvents, one in each request: application/cloudevents+json, or headers ce-*"
        raise BadRecord("cloudevent", said)
    if mode == "binary" and hook.scheme != "url":
        # Otherwise one signed request that was overheard could be sent with any number of ids.
        said = "headers are not under the signature of this webhook; send the event in structured mode"
        raise BadRecord("cloudevent", said)
    event = event_of_request(headers, payload)
    attributes = {f"{PREFIX}{name}": value for name, value in event.attributes.items()}
    return Request(event.data, {**headers, **attributes}, query), event


def pair_of(
    trigger_id: str, hook: Hook, mapped: Mapped, headers: Mapping[str, str], payload: Json, event: CloudEvent | None
) -> Pair:
    """Return the pair of a request: by expressions, its event, or the header that is named. Raises ``BadRecord``."""
    source = mapped.source or (checked_source("ce-source", event.source) if event is not None else None)
    return Pair(source or source_of(trigger_id), _id(hook, mapped, headers, payload, event))


def _id(hook: Hook, mapped: Mapped, headers: Mapping[str, str], payload: Json, event: CloudEvent | None) -> str | None:
    if mapped.submission_id is not None:
        return mapped.submission_id
    if event is not None:
        return checked_id("ce-id", event.id)
    if name := hook.idempotency_header.lower():
        return checked_id(f"the header {name}", headers.get(name, ""))
    found = default_id(hook.scheme, headers, payload)
    return None if found is None else checked_id("the idempotency key", found)
