"""Labels as records and entries have them. The same few come again and again, so each is read and written once."""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from schemas.errors import BadRecord, InvalidInput
from schemas.labels.label import Integrity, Label, label_of
from schemas.labels.mapped import Labels
from schemas.payload import Payload

#: What a label is that cannot be read: it is trusted least, and nobody may read what has it.
UNREADABLE = Label(Integrity.WEB, readers=frozenset(), origins=frozenset({"unreadable"}))

Words = tuple[str, ...]
Written = Mapping[str, Iterable[str]]
"""Labels by path, as payloads have them."""


@lru_cache(4096)
def words_of(label: Label) -> Words:
    """Return a label's words."""
    return tuple(label.words)


@lru_cache(4096)
def label_from(words: Words) -> Label:
    """Return the label of words; without any, or of unknown ones, it is the least trusted."""
    try:
        return label_of(words)
    except BadRecord:
        return UNREADABLE


def read(written: Written) -> Labels:
    """Return labels by path; those that cannot be read make the whole value unreadable."""
    return _read(tuple((path, tuple(words)) for path, words in written.items()))


def whole_of(written: Written) -> Label:
    """Return the label of who reads all of a value with these labels."""
    return _whole(tuple((path, tuple(words)) for path, words in written.items()))


def of_payload(payload: Payload) -> Labels:
    """Return the labels of a payload; without any it is trusted least."""
    return read(payload.labels)


@lru_cache(2048)
def written(labels: Labels) -> dict[str, list[str]]:
    """Return labels as payloads have them. It is shared, and must not be changed."""
    return labels.recorded


@lru_cache(2048)
def _whole(places: tuple[tuple[str, Words], ...]) -> Label:
    return _read(places).whole


@lru_cache(2048)
def _read(places: tuple[tuple[str, Words], ...]) -> Labels:
    try:
        return Labels.read(dict(places))
    except (BadRecord, InvalidInput):
        return Labels.of_whole(UNREADABLE)
