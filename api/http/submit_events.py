"""Submissions as CloudEvents over HTTP: structured, batched and binary mode.

The pair of source and id is the sender's, and names the submission within the organisation of its key, as on every
other door. An event of a batch that is refused does not hold up the others. One outside of the key's scopes refuses the
batch before anything is submitted. A store that does not answer refuses it with the advice to repeat it.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.caller import Caller
from api.http.bodies import refuse_encoded, refuse_not_utf8
from api.http.problems import RefusedBody, error_of
from api.render import runs
from api.services import Services
from schemas.api_models.event_batches import EventOutcome, EventRefused, EventsTaken
from schemas.api_models.runs import RunAccepted, SubmitRun
from schemas.cloudevents.event import CloudEvent
from schemas.cloudevents.http import JSON, headers_of, mode_of, read_batch, read_one
from schemas.cloudevents.submission import EVENT_TYPE, read_data, refuse_own_source, with_subject
from schemas.errors import (
    BadRecord,
    BadValue,
    Forbidden,
    InvalidInput,
    Problem,
    Rejected,
    SubmissionConflict,
    Unavailable,
    Undecodable,
)
from schemas.labels.label import Integrity
from schemas.records.run_events import RunSubmitted
from schemas.trace_context import CONTEXT, SenderContext, sender_context
from services.runs.submit import Submitted

KEY = "idempotency-key"
#: Of a batch of which some events were refused.
SOME = 207
ACCEPTED = 202


async def submit_events(request: Request, who: Caller, parts: Services) -> Response:
    """Answer a request that carries events. Raises ``Rejected`` and ``Unavailable`` as a submission does."""
    if request.query_params:
        problem = Problem("query", "events take no parameters", "send application/json for a dry run")
        raise InvalidInput.of(problem)
    refuse_encoded(request)
    body = await request.body()
    refuse_not_utf8(body)
    try:
        headers = headers_of(request.headers.items())
        found = read_batch(headers, body) if mode_of(headers) == "batch" else read_one(headers, body)
    except BadRecord as exc:
        raise _unreadable(exc) from exc
    if not isinstance(found, list):
        _refuse_other_key(headers, found)
        return _json(await _one(found, headers, who, parts), ACCEPTED)
    if KEY in headers:
        raise InvalidInput.of(Problem(KEY, "is not of a batch", "each event has its own id; leave the header out"))
    taken = await _batch(found, headers, who, parts)
    return _json(taken, SOME if taken.refused else ACCEPTED)


async def _one(event: CloudEvent, headers: Mapping[str, str], who: Caller, parts: Services) -> RunAccepted:
    body = submission_of(event, who)
    with parts.runs.bound.place():
        record = await _prepared(event, body, headers, who, parts)
        submitted = await parts.runs.submissions.submit(record)
    return runs.accepted(submitted.receipt, submitted.duplicate)


async def _batch(
    events: Sequence[CloudEvent | BadRecord], headers: Mapping[str, str], who: Caller, parts: Services
) -> EventsTaken:
    # A batch is no way around the rate of a key; its first event was counted as the request.
    for _ in events[1:]:
        await parts.access.rates.check(who)
    outcomes: dict[int, Submitted | Rejected] = {}
    bodies: dict[int, tuple[CloudEvent, SubmitRun]] = {}
    for index, event in enumerate(events):
        try:
            if isinstance(event, BadRecord):
                raise _invalid(event) from event
            bodies[index] = event, submission_of(event, who)
        except Forbidden:
            raise
        except Rejected as exc:
            outcomes[index] = exc
    with ExitStack() as held:
        for _ in bodies:
            held.enter_context(parts.runs.bound.place())
        records: dict[int, RunSubmitted] = {}
        for index, (event, body) in bodies.items():
            try:
                records[index] = await _prepared(event, body, headers, who, parts)
            except Rejected as exc:
                outcomes[index] = exc
        outcomes |= zip(records, await _submitted(list(records.values()), parts), strict=True)
    found = [_outcome(index, events[index], outcomes[index]) for index in range(len(events))]
    accepted = sum(one.run is not None for one in found)
    return EventsTaken(accepted=accepted, refused=len(found) - accepted, events=found)


async def _submitted(records: Sequence[RunSubmitted], parts: Services) -> list[Submitted | SubmissionConflict]:
    try:
        await parts.runs.submissions.refuse_unknowable(records)
        return await parts.runs.submissions.submit_all(records)
    except Unavailable as exc:
        said = str(exc).removeprefix(f"{exc.dependency}: ")
        again = "send the batch again: what was accepted is found by source and id"
        raise Unavailable(exc.dependency, f"{said}; {again}", exc.retry_after_s) from exc


async def _prepared(
    event: CloudEvent, body: SubmitRun, headers: Mapping[str, str], who: Caller, parts: Services
) -> RunSubmitted:
    trace = _sender(event, headers)
    return await parts.runs.submissions.prepare(
        who.org_id, event.source, event.id, body, trace, who.key_id, door=Integrity.USER
    )


def submission_of(event: CloudEvent, who: Caller) -> SubmitRun:
    """Return the submission that an event is. Raises ``InvalidInput``, and ``Forbidden`` outside of a key's scopes."""
    if event.type != EVENT_TYPE:
        fix = f"send {EVENT_TYPE}; signals have a path of their own, /api/v1/workflows/runs/{{run_id}}/signals/{{name}}"
        raise InvalidInput.of(Problem("type", f"{event.type[:100]!r} is not taken here", fix))
    refuse_own_source(event.source)
    try:
        body = read_data(with_subject(event), SubmitRun)
    except BadRecord as exc:
        raise _invalid(exc) from exc
    who.require_named("workflow", body.workflow_name)
    project = who.in_project(body.project)
    return body if project == body.project else body.model_copy(update={"project": project})


def _sender(event: CloudEvent, headers: Mapping[str, str]) -> SenderContext:
    """Return the trace context of an event: its own attributes before the headers of its request."""
    return sender_context(*(event.attributes.get(name) or headers.get(name) for name in CONTEXT))


def _refuse_other_key(headers: Mapping[str, str], event: CloudEvent) -> None:
    if headers.get(KEY, event.id) != event.id:
        fix = "leave the header out; the event's source and id name the submission"
        raise InvalidInput.of(Problem(KEY, "is another id than the event's", fix))


def _outcome(index: int, event: CloudEvent | BadRecord, outcome: Submitted | Rejected) -> EventOutcome:
    named = {} if isinstance(event, BadRecord) else {"source": event.source, "id": event.id}
    if isinstance(outcome, Submitted):
        return EventOutcome(index=index, run=runs.accepted(outcome.receipt, outcome.duplicate), **named)
    details = error_of(outcome)
    error = EventRefused(type=details.type, status=details.status, detail=details.detail, problems=details.problems)
    return EventOutcome(index=index, error=error, **named)


def _unreadable(exc: BadRecord) -> HTTPException | InvalidInput:
    """Return what a body that cannot be read is answered with, as the route of JSON does."""
    if isinstance(exc, BadValue):
        return RefusedBody(400 if exc.reason == "depth" else 422, exc.problem)
    if isinstance(exc, Undecodable):
        return HTTPException(400, f"the body is not an event in JSON: {exc}")
    return _invalid(exc)


def _invalid(exc: BadRecord) -> InvalidInput:
    return InvalidInput.of(exc.problem if isinstance(exc, BadValue) else Problem("", str(exc)))


def _json(answer: RunAccepted | EventsTaken, status: int) -> Response:
    return Response(answer.model_dump_json(), status, media_type=JSON)
