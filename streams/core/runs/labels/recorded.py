"""Labels as records and entries have them. The same few come again and again, so each is read and written once."""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from schemas.errors import BadRecord, InvalidInput
from schemas.labels.label import TRUSTED, Integrity, Label, label_of
from schemas.labels.mapped import Labels, Recorded
from schemas.labels.paths import ROOT, format_path
from schemas.payload import Payload

#: What a label is that cannot be read: it is trusted least, and nobody may read what has it.
UNREADABLE = Label(Integrity.WEB, readers=frozenset(), origins=frozenset({"unreadable"}))

Words = tuple[str, ...]
Written = Mapping[str, Iterable[str]]
"""Labels by path, as payloads have them."""

#: The path of a whole value, the only one that most values are labelled at.
_WHOLE = format_path(ROOT)


@lru_cache(4096)
def words_of(label: Label) -> Words:
    """Return a label's words."""
    return tuple(label.words)


@lru_cache(4096)
def label_from(words: Words) -> Label:
    """Return the label of words; without any, or of unknown ones, it is the least trusted."""
    try:
        found = label_of(words)
        # Most labels are this one, and what is the very same need not be compared.
        return TRUSTED if found == TRUSTED else found
    except BadRecord:
        return UNREADABLE


def read(written: Written) -> Labels:
    """Return labels by path; those that cannot be read make the whole value unreadable."""
    if type(written) is Recorded:
        return written.of
    if len(written) == 1 and _WHOLE in written:
        return Labels.of_whole(label_from(tuple(written[_WHOLE])))
    return _read(written)


def whole_of(written: Written) -> Label:
    """Return the label of who reads all of a value with these labels."""
    if type(written) is Recorded:
        return written.of.whole
    if len(written) == 1 and _WHOLE in written:
        return label_from(tuple(written[_WHOLE]))
    return _read(written).whole


def of_payload(payload: Payload) -> Labels:
    """Return the labels of a payload; without any it is trusted least."""
    return read(payload.labels)


def _read(written: Written) -> Labels:
    try:
        return Labels.read(written)
    except (BadRecord, InvalidInput):
        return Labels.of_whole(UNREADABLE)
