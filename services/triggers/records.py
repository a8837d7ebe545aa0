"""Records of a trigger's topic become submissions, on the path of all submissions.

    1. read      the value by the topic's format; a schema that is not known yet is fetched
    2. map       the filter, the inputs and the submission's id
    3. submit    all of a batch with one append: when this returns, the log has the runs

What cannot be used is returned with its reason, for the dead letters. ``Unavailable`` is raised for the whole batch: it
is taken again, and what was submitted before is found by its id.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from cachetools import LRUCache
from pydantic import ValidationError

from connectors.ports.engine import InRecord
from connectors.postgres.triggers.stored import StoredTrigger
from connectors.schema_registry.decoding import RecordReader
from schemas.errors import (
    BadRecord,
    Rejected,
    SubjectErased,
    SubjectRequired,
    SubmissionConflict,
    TryLater,
    rejection_reason,
)
from schemas.labels.label import Integrity
from schemas.records.run_events import RunSubmitted
from schemas.trace_context import CONTEXT, SenderContext, sender_context
from schemas.triggers.arrived import TopicRecord, readable
from schemas.triggers.definition import Definition, source_of
from schemas.triggers.mapping import TriggerMap, compile_rules
from schemas.values.validation_texts import invalid_body
from services.runs.submit import Submissions

#: An installation has some hundreds of triggers; one is compiled in a millisecond.
MOST = 1_000

log = logging.getLogger(__name__)


class CompiledRules:
    """Compiles the rules of each version of a trigger once."""

    def __init__(self) -> None:
        self._kept: LRUCache[tuple[str, int], TriggerMap] = LRUCache(MOST)

    def of(self, trigger_id: str, updated_ms: int, definition: Definition) -> TriggerMap:
        """Return the rules of a trigger as of its last change. Raises ``InvalidInput``."""
        key = (trigger_id, updated_ms)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = compile_rules(definition.rules)
        return found


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that cannot be used, with a short reason and one in words. Of a person's data it has nothing."""

    record: InRecord
    reason: str
    message: str


@dataclass(slots=True)
class Taken:
    """What became of a batch."""

    submitted: int = 0
    filtered: int = 0
    refused: list[Refused] = field(default_factory=list)


class TriggerRecords:
    """Submits records of topics."""

    def __init__(self, submissions: Submissions, reader: RecordReader) -> None:
        self._submissions = submissions
        self._reader = reader
        self._rules = CompiledRules()

    async def take(self, trigger: StoredTrigger, records: Sequence[InRecord]) -> Taken:
        """Submit a batch of one partition. Raises ``Unavailable``."""
        taken = Taken()
        good: list[tuple[InRecord, RunSubmitted]] = []
        for record in records:
            try:
                prepared = await self._prepared(trigger, record)
            except TryLater:
                raise
            except Exception as exc:  # noqa: BLE001 - whatever one record does to us must not stop those behind it
                taken.refused.append(_refused(trigger, record, exc))
                continue
            if prepared is None:
                taken.filtered += 1
            else:
                good.append((record, prepared))
        submitted = [prepared for _, prepared in good]
        await self._submissions.refuse_unknowable(submitted)
        outcomes = await self._submissions.submit_all(submitted)
        for (record, _), outcome in zip(good, outcomes, strict=True):
            if isinstance(outcome, SubmissionConflict):
                taken.refused.append(_refused(trigger, record, outcome))
            else:
                taken.submitted += 1
        return taken

    async def _prepared(self, trigger: StoredTrigger, record: InRecord) -> RunSubmitted | None:
        definition = trigger.definition
        form = "json" if definition.topic is None else definition.topic.format
        headers = {name.lower(): readable(value) for name, value in record.headers}
        arrived = TopicRecord(
            payload=await self._reader.value(record.value, form),
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            timestamp_ms=record.timestamp_ms,
            key=readable(record.key),
            headers=headers,
        )
        mapped = self._rules.of(trigger.id, trigger.updated_ms, definition).of(arrived.variables())
        if mapped is None:
            return None
        return await self._submissions.prepare(
            trigger.org_id,
            mapped.source or source_of(trigger.id),
            mapped.submission_id or arrived.position,
            definition.submission(mapped),
            _sender(headers),
            door=Integrity.THIRD_PARTY,
        )


def _withheld(record: InRecord, exc: Exception) -> Refused:
    """Return a record with a person's data without its content: a dead letter is kept, and nobody could erase it.

    Words may quote the data, so there are none but those of errors that have none of it.
    """
    bare = record._replace(key=None, value=None, headers=())
    if isinstance(exc, SubjectErased | SubjectRequired):
        return Refused(bare, rejection_reason(exc), str(exc))
    reason = exc.reason if isinstance(exc, BadRecord) else "invalid_input"
    reason = rejection_reason(exc) if isinstance(exc, Rejected) else reason
    return Refused(bare, reason, "its content and what is wrong with it are withheld: it is of a data subject")


def _sender(headers: dict[str, str]) -> SenderContext:
    return sender_context(*(headers.get(name) or None for name in CONTEXT))


def _refused(trigger: StoredTrigger, record: InRecord, exc: Exception) -> Refused:
    if trigger.definition.subject or isinstance(exc, SubjectRequired):
        return _withheld(record, exc)
    if isinstance(exc, BadRecord):
        return Refused(record, exc.reason, str(exc))
    if isinstance(exc, ValidationError):
        return _refused(trigger, record, invalid_body(exc))
    if isinstance(exc, Rejected):
        return Refused(record, rejection_reason(exc), str(exc))
    log.error(
        "trigger %s cannot take %s/%d@%d",
        trigger.id, record.topic, record.partition, record.offset,
        exc_info=exc,
        extra={"action": "dead_letter"},
    )  # fmt: skip
    return Refused(record, "error", type(exc).__name__)
