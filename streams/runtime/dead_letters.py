"""Dead letters: the original bytes and headers, with headers that say why, where and how often."""

from connectors.ports.engine import InRecord, OutRecord
from topics.catalogue import TRIGGERS_DLQ, dlq
from topics.dead_letters.letter import (
    AT_MS,
    ATTEMPTS,
    MESSAGE,
    OFFSET,
    PARTITION,
    PREFIX,
    REASON,
    RETRIES,
    TOPIC,
    TRIGGER,
)

#: A reason in words is cut here, so that a dead letter always fits its topic.
MESSAGE_LIMIT = 2_000


def of_trigger(record: InRecord, trigger_id: str, reason: str, message: str, at_ms: int) -> OutRecord:
    """Return a record of another system's topic for the dead letters of triggers."""
    return dead_letter(record, reason, message, at_ms, to=TRIGGERS_DLQ, trigger=trigger_id)


def dead_letter(
    record: InRecord, reason: str, message: str, at_ms: int, attempts: int = 1, *, to: str = "", trigger: str = ""
) -> OutRecord:
    """Return the record for the dead-letter topic: key, value and headers byte for byte, ``af-*`` headers added.

    Of the ``af-*`` headers that the record came with only the count of an operator's retries stays. ``at_ms`` is when
    it was set aside, ``attempts`` how often it was tried. ``to`` is the topic, where it is not the record's own.
    """
    added = (
        (REASON, reason.encode()),
        (MESSAGE, message[:MESSAGE_LIMIT].encode("utf-8", "replace")),
        (TOPIC, record.topic.encode()),
        (PARTITION, str(record.partition).encode()),
        (OFFSET, str(record.offset).encode()),
        (ATTEMPTS, str(attempts).encode()),
        (AT_MS, str(at_ms).encode()),
        *(((TRIGGER, trigger.encode()),) if trigger else ()),
    )
    kept = tuple(header for header in record.headers if header[0] == RETRIES or not header[0].startswith(PREFIX))
    return OutRecord(to or dlq(record.topic), record.key, record.value, kept + added)
