"""Ingress: submissions that other systems send as CloudEvents become runs, by the same path as those over HTTP.

The organisation is the topic's, never the payload's. Source and id of the event are the submission's, so the event
with the source ``api`` and the id of an HTTP submission is that submission.
"""

import re
from typing import Protocol

from pydantic import ValidationError

from connectors.ports import InRecord
from connectors.submissions import Submissions
from schemas.api_models.runs import MAX_ID_LENGTH, SubmitRun
from schemas.errors import BadRecord, InvalidInput, NotFound, Rejected, SubmissionConflict, TooLarge
from schemas.records.run_events import RunSubmitted
from streams.cloudevents import CloudEvent, read_event
from topics.catalogue import organisation_of

EVENT_TYPE = "agentflow.workflow.submit"

_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_REASONS: tuple[tuple[type[Rejected], str], ...] = (
    (NotFound, "not_found"),
    (InvalidInput, "invalid_input"),
    (SubmissionConflict, "submission_conflict"),
    (TooLarge, "too_large"),
)


class DeadLetter(Protocol):
    """Puts a record aside."""

    async def __call__(self, record: InRecord, reason: str, message: str) -> None:
        """Append the record's bytes, as they are, to the dead-letter topic, and wait for the acknowledgement."""
        ...


class Ingress:
    """Turns submissions into ``RunSubmitted``."""

    def __init__(self, submissions: Submissions, dead_letter: DeadLetter) -> None:
        self._submissions = submissions
        self._dead_letter = dead_letter

    async def write(self, records: list[InRecord]) -> None:
        """Submit a batch with one append, and put aside what cannot be submitted.

        Raises ``Unavailable`` when a dependency does not answer: ack nothing, the batch comes again, and what
        was submitted before is told by its id.
        """
        good: list[tuple[InRecord, RunSubmitted]] = []
        bad: list[tuple[InRecord, str, str]] = []
        for record in records:
            try:
                good.append((record, await self._prepare(record)))
            except BadRecord as exc:
                bad.append((record, exc.reason, str(exc)))
            except Rejected as exc:
                bad.append((record, _reason(exc), str(exc)))
        outcomes = await self._submissions.submit_all([prepared for _, prepared in good])
        for (record, _), outcome in zip(good, outcomes, strict=True):
            if isinstance(outcome, SubmissionConflict):
                bad.append((record, _reason(outcome), str(outcome)))
        for record, reason, message in bad:
            await self._dead_letter(record, reason, message)

    async def _prepare(self, record: InRecord) -> RunSubmitted:
        event = read_event(record)
        body = _body(event)
        trace = event.attributes.get("traceparent", "")
        return await self._submissions.prepare(
            organisation_of(record.topic),
            event.source,
            event.id,
            body,
            trace if _TRACEPARENT.fullmatch(trace) else None,
        )


def _body(event: CloudEvent) -> SubmitRun:
    if event.type != EVENT_TYPE:
        raise BadRecord("cloudevent", f"type {event.type!r} is not taken here; send {EVENT_TYPE}")
    if max(len(event.id), len(event.source)) > MAX_ID_LENGTH:
        raise BadRecord("cloudevent", f"id and source have at most {MAX_ID_LENGTH} characters")
    try:
        return SubmitRun.model_validate(event.data)
    except ValidationError as exc:
        problems = (
            f"{'.'.join(str(p) for p in error['loc']) or 'data'}: {error['msg']}"
            for error in exc.errors(include_url=False, include_input=False, include_context=False)[:5]
        )
        raise BadRecord("invalid_input", "; ".join(problems)) from exc


def _reason(exc: Rejected) -> str:
    return next((reason for kind, reason in _REASONS if isinstance(exc, kind)), "rejected")
