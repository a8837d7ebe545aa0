"""Dead letters: their headers, their positions, and the rules of a retry.

A dead letter keeps its key, value and headers byte for byte; headers that begin with ``af-`` record why, where and how
often. All names are here; ``streams.runtime.dead_letters`` writes them.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import NamedTuple

from schemas.errors import InvalidInput, Rejected, Undecodable
from schemas.values.json_text import read_json
from topics.catalogue import (
    CATALOGUE,
    DLQ_SUFFIX,
    OF_RUNS,
    SUBMISSIONS,
    TRIGGERS_DLQ,
    declared,
    dlq,
)
from topics.partitioner import partition_for, run_partition

PREFIX = "af-"
REASON = "af-reason"
MESSAGE = "af-message"
TOPIC = "af-topic"
PARTITION = "af-partition"
OFFSET = "af-offset"
ATTEMPTS = "af-attempts"
AT_MS = "af-at-ms"
#: Number of retries by operators; it stays with the record when a retry failed.
RETRIES = "af-retries"
#: The trigger that could not use a record of another system's topic.
TRIGGER = "af-trigger"

#: A null value is possible in Kafka, though nobody should send one.
Headers = tuple[tuple[str, bytes | None], ...]

_POSITION = re.compile(r"(?P<topic>[^/@\s]+)/(?P<partition>[0-9]{1,9})@(?P<offset>[0-9]{1,18})")
_NUMBER = re.compile(rb"\d{1,18}")
_DLQ_TOPICS = frozenset(f"{topic.name}{DLQ_SUFFIX}" for topic in CATALOGUE if topic.dead_letters) | {TRIGGERS_DLQ}


class Position(NamedTuple):
    """One record of a topic, written ``topic/partition@offset``."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}@{self.offset}"


class Source(NamedTuple):
    """A dead-letter topic, and the one source topic whose letters are selected; ``None`` for all of them."""

    dlq: str
    only: str | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record of a dead-letter topic. A header that is missing or malformed is ``None`` or 0."""

    position: Position
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def reason(self) -> str:
        """The short code of the reason."""
        return self._text(REASON)

    @property
    def message(self) -> str:
        """The reason in words."""
        return self._text(MESSAGE)

    @property
    def origin(self) -> Position | None:
        """The original position."""
        topic, partition, offset = self._text(TOPIC), self._number(PARTITION), self._number(OFFSET)
        if not topic or partition is None or offset is None:
            return None
        return Position(topic, partition, offset)

    @property
    def attempts(self) -> int:
        """Number of attempts before it was dead-lettered."""
        return self._number(ATTEMPTS) or 0

    @property
    def retries(self) -> int:
        """Number of retries by operators."""
        return self._number(RETRIES) or 0

    @property
    def at_ms(self) -> int:
        """Time at which it was dead-lettered."""
        return self._number(AT_MS) or self.timestamp_ms

    @property
    def original_headers(self) -> Headers:
        """The original headers, in order."""
        return tuple(header for header in self.headers if not header[0].startswith(PREFIX))

    def digest(self) -> bytes:
        """Return a hash of the original record: the same for a record that was dead-lettered twice."""
        origin = self.origin
        parts = (origin.topic if origin else None, self.key, self.value, self.original_headers)
        return hashlib.sha256(repr(parts).encode()).digest()

    def _text(self, name: str) -> str:
        return (dict(self.headers).get(name) or b"").decode("utf-8", "replace")

    def _number(self, name: str) -> int | None:
        found = dict(self.headers).get(name) or b""
        return int(found) if _NUMBER.fullmatch(found) else None


def parse_position(text: str) -> Position:
    """Return the position of a dead letter. Raises ``InvalidInput`` for a text that cannot be one."""
    found = _POSITION.fullmatch(text)
    if found is None:
        raise InvalidInput(
            f"{text!r} is not a position; write <topic>/<partition>@<offset>, for example run-events.dlq/3@17, "
            "as `python -m topics dlq list` prints it at the start of each line"
        )
    if found["topic"] not in _DLQ_TOPICS:
        raise InvalidInput(f"{found['topic']} is not a dead-letter topic; {_instead(found['topic'])}")
    return Position(found["topic"], int(found["partition"]), int(found["offset"]))


def source_of(name: str) -> Source:
    """Return the dead-letter topic of a topic; its own name selects all letters in it.

    Raises ``InvalidInput`` for a topic that has none.
    """
    if name in _DLQ_TOPICS:
        return Source(name, None)
    try:
        topic = declared(name)
    except KeyError:
        raise InvalidInput(f"{name!r} is not in the catalogue of topics; {_choices()}") from None
    if not topic.dead_letters:
        raise InvalidInput(f"{name} has no dead letters, since only its table reads and writes it; {_choices()}")
    return Source(f"{topic.name}{DLQ_SUFFIX}", name if topic.family and name != topic.name else None)


def dead_letter_topics() -> frozenset[str]:
    """Return the names of all dead-letter topics."""
    return _DLQ_TOPICS


def original_topic(letter: DeadLetter) -> str:
    """Return the topic that a letter may return to. Raises ``Rejected`` if there is none."""
    origin = letter.origin
    if origin is None:
        raise Rejected(
            f"{letter.position} lacks its origin: {TOPIC}, {PARTITION} or {OFFSET} is missing, so it is not "
            "a dead letter of AgentFlow; `python -m topics dlq show --raw` prints its bytes, to be sent by hand"
        )
    if letter.position.topic == TRIGGERS_DLQ:
        raise Rejected(
            f"{letter.position} is a record of {origin.topic}, which belongs to another system and its other readers; "
            "correct the trigger and produce the record again, or submit its run"
        )
    try:
        home = dlq(origin.topic)
    except KeyError:
        home = ""
    # A letter in another topic's dead letters, or that names a topic without any, was not written by a role.
    if home != letter.position.topic:
        raise Rejected(
            f"{letter.position} names the origin {origin.topic!r}, which is not in the catalogue of topics or has "
            "its dead letters elsewhere; send its bytes by hand if that is intended"
        )
    return origin.topic


def partition_of(letter: DeadLetter, partitions: int, first: int | None = None) -> int:
    """Return the partition for a retry: the key's, or without a key the original one.

    ``first`` is how many partitions topics of runs had at first, where they may have grown.

    Raises ``Rejected`` if that partition does not exist.
    """
    if letter.key is not None:
        of_runs = letter.origin is not None and letter.origin.topic in OF_RUNS
        where = run_partition(letter.key, first or partitions) if of_runs else partition_for(letter.key, partitions)
        return where if where < partitions else partition_for(letter.key, partitions)
    origin = letter.origin
    if origin is None or origin.partition >= partitions:
        raise Rejected(f"{letter.position} has no key, and its topic does not have the original partition")
    return origin.partition


def check_value(letter: DeadLetter, topic: str) -> None:
    """Raise ``Rejected`` for an event whose value its reader must refuse again, see docs/reference/values.md.

    Other topics have records of the system's own, which their readers judge.
    """
    if declared(topic).name != SUBMISSIONS or letter.value is None:
        return
    try:
        read_json(letter.value)
    except Undecodable as exc:
        raise Rejected(f"{letter.position} would be refused again: {exc}; send a corrected event instead") from exc


def _instead(name: str) -> str:
    try:
        return f"the dead letters of {name} are in {source_of(name).dlq}"
    except InvalidInput:
        return _choices()


def _choices() -> str:
    return "choose one of " + ", ".join(sorted(_DLQ_TOPICS))


def is_record_of(letter: DeadLetter, org_id: str) -> bool:
    """Return whether a letter is of a record that names an organisation; what an event says is its sender's word."""
    if letter.origin is not None and letter.origin.topic.startswith(f"{SUBMISSIONS}."):
        return False
    try:
        found = read_json(letter.value or b"")
    except Undecodable:
        return False
    return isinstance(found, dict) and found.get("org_id") == org_id
