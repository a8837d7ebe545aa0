"""One label: integrity, data classes, readers and origins, and how two of them join.

Integrity is the lattice ``trusted < user < third_party < web``; what is made of two values is as untrusted as the less
trusted of them. Classes and origins join by union, readers by intersection. Labels are written by the engine, from the
declarations of tools, doors and policies; never by payloads, models or clients.

In records a label is a list of words: one of ``INTEGRITIES``, ``class:<name>``, ``from:<origin>``, ``reader:<id>`` for
each reader where not everybody may read, and ``readers`` when there is such a limit (alone: nobody may).
"""

import re
from collections.abc import Iterable
from enum import IntEnum
from functools import lru_cache

from msgspec import Struct

from schemas.errors import BadRecord

#: Origins of a label up to which each is named. More are ``MANY``.
MAX_ORIGINS = 16
MANY = "many"

_LIMITED = "readers"
_NAME = re.compile(r"[A-Za-z0-9_.@:/+-]{1,128}")


class Integrity(IntEnum):
    """How far data is to be trusted: the higher, the less."""

    TRUSTED = 0
    USER = 1
    THIRD_PARTY = 2
    WEB = 3


#: The words of integrity, most trusted first.
INTEGRITIES = tuple(one.name.lower() for one in Integrity)


class Label(Struct, frozen=True, cache_hash=True):
    """What is known of data. ``readers`` is ``None`` where everybody may read it."""

    integrity: Integrity = Integrity.TRUSTED
    classes: frozenset[str] = frozenset()
    readers: frozenset[str] | None = None
    origins: frozenset[str] = frozenset()

    def join(self, other: "Label") -> "Label":
        """Return the label of what is made of both."""
        if other is self or other is TRUSTED or other in (self, TRUSTED):
            return self
        if self is TRUSTED or self == TRUSTED:
            return other
        return Label(
            max(self.integrity, other.integrity),
            self.classes | other.classes,
            _both(self.readers, other.readers),
            _bounded(self.origins | other.origins),
        )

    def covers(self, other: "Label") -> bool:
        """Return whether this label is at least as strict as another in integrity, classes and readers."""
        return (
            self.integrity >= other.integrity
            and self.classes >= other.classes
            and (other.readers is None or (self.readers is not None and self.readers <= other.readers))
        )

    @property
    def words(self) -> list[str]:
        """The label as records have it."""
        limited = [] if self.readers is None else [_LIMITED, *(f"reader:{one}" for one in sorted(self.readers))]
        return [
            INTEGRITIES[self.integrity],
            *(f"class:{one}" for one in sorted(self.classes)),
            *limited,
            *(f"from:{one}" for one in sorted(self.origins)),
        ]


TRUSTED = Label()
#: What data without a label has: it is trusted least.
UNLABELLED = Label(Integrity.WEB, origins=frozenset({"unlabelled"}))


def label_of(words: Iterable[str]) -> Label:
    """Return the label that a record has. Raises ``BadRecord`` for an unknown word: what it limits is not known."""
    return _label_of(tuple(words))


@lru_cache(4096)
def _label_of(words: tuple[str, ...]) -> Label:
    integrity: Integrity | None = None
    sets: dict[str, set[str]] = {"class": set(), "reader": set(), "from": set()}
    limited = False
    for word in words:
        if word in INTEGRITIES:
            integrity = max(integrity or Integrity.TRUSTED, Integrity(INTEGRITIES.index(word)))
            continue
        if word == _LIMITED:
            limited = True
            continue
        kind, _, name = word.partition(":")
        if kind not in sets or not _NAME.fullmatch(name):
            raise BadRecord("label", f"the label {word[:80]!r} is unknown; labels are words of schemas.labels.label")
        sets[kind].add(name)
    readers = frozenset(sets["reader"]) if limited or sets["reader"] else None
    least = Integrity.WEB if integrity is None else integrity
    return Label(least, frozenset(sets["class"]), readers, _bounded(frozenset(sets["from"])))


def joined(labels: Iterable[Label]) -> Label:
    """Return the label of what is made of all; of nothing, it is trusted."""
    result = TRUSTED
    for label in labels:
        result = result.join(label)
    return result


def _both(first: frozenset[str] | None, second: frozenset[str] | None) -> frozenset[str] | None:
    if first is None or second is None:
        return second if first is None else first
    return first & second


def _bounded(origins: frozenset[str]) -> frozenset[str]:
    return origins if len(origins) <= MAX_ORIGINS and MANY not in origins else frozenset({MANY})
