"""What arrives at a trigger, as its expressions read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from schemas.records.base import Json

TriggerKind = Literal["webhook", "topic"]

#: The variables of a trigger's expressions, by its kind.
VARIABLES: Mapping[TriggerKind, tuple[str, ...]] = {
    "webhook": ("payload", "headers", "query"),
    "topic": ("payload", "headers", "key", "topic", "partition", "offset", "timestamp_ms"),
}
NUMBERS = frozenset({"partition", "offset", "timestamp_ms"})
#: Variables that are maps of texts.
TEXT_MAPS = frozenset({"headers", "query"})
#: More bytes of a header or a key than this are no text that an expression reads.
MAX_TEXT_BYTES = 8_192


@dataclass(frozen=True, slots=True)
class Request:
    """A request to an incoming webhook. Names of ``headers`` are in lower case."""

    payload: Json
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)

    def variables(self) -> dict[str, Any]:
        """Return the values of the variables."""
        return {"payload": self.payload, "headers": dict(self.headers), "query": dict(self.query)}


@dataclass(frozen=True, slots=True)
class TopicRecord:
    """A record of a topic. Names of ``headers`` are in lower case; a key that is no text is empty."""

    payload: Json
    topic: str
    partition: int
    offset: int
    timestamp_ms: int = 0
    key: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def position(self) -> str:
        """Return what names this record among all records of the cluster: ``topic:partition:offset``."""
        return f"{self.topic}:{self.partition}:{self.offset}"

    def variables(self) -> dict[str, Any]:
        """Return the values of the variables."""
        found = {name: getattr(self, name) for name in VARIABLES["topic"]}
        return found | {"headers": dict(self.headers)}


def readable(raw: bytes | None) -> str:
    """Return bytes as a text for expressions; empty for what is no text in UTF-8 or has U+0000."""
    if raw is None or len(raw) > MAX_TEXT_BYTES or b"\0" in raw:
        return ""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return ""
