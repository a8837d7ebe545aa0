"""The header ``agentflow-labels``: what a record's data is labelled with, for consumers that do not read its value.

Its value is the words of one label for all of the record, with commas: ``web,class:pii``. Origins are left out. Records
of runs without labels have no such header, and are not looked at.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from connectors.ports.engine import Headers
from schemas.labels.label import Label
from schemas.payload import Payload
from schemas.records.base import Record
from schemas.records.run_events import ChildFinished, RunSubmitted, SignalReceived, StepSucceeded
from schemas.records.run_views import RunView
from schemas.records.steps import StepRequest
from streams.core.runs.labels.recorded import label_from, whole_of, words_of

LABELS = "agentflow-labels"

Found = Label | None


def label_headers(record: Record) -> Headers:
    """Return the header of a record whose data has labels; none for any other."""
    find = _FINDERS.get(type(record))
    found = None if find is None else find(record)
    if found is None:
        return ()
    return _header(found)


@lru_cache(1024)
def _header(label: Label) -> Headers:
    words = (word for word in words_of(label) if not word.startswith("from:"))
    return ((LABELS, ",".join(words).encode()),)


def _of_request(request: StepRequest) -> Found:
    said = request.security
    if said is None:
        return None
    return _with_words(_with_words(whole_of(said.args), said.control), said.context)


def _of_submission(submitted: RunSubmitted) -> Found:
    said = submitted.security
    return None if said is None else _with_words(whole_of(said.inputs), said.control)


def _of_view(view: RunView) -> Found:
    seen = view.input_labels
    found = whole_of(seen) if seen else None
    for output in (*[step.output for step in view.steps], *(view.output or {}).values()):
        # Outputs of one run mostly share their labels.
        if output is not None and output.labels is not seen:
            found, seen = _more(found, output), output.labels
    return found


def _of_output(record: StepSucceeded | ChildFinished) -> Found:
    return _more(None, record.output)


def _of_signal(signal: SignalReceived) -> Found:
    return _more(None, signal.payload)


def _more(found: Found, payload: Payload | None) -> Found:
    """Return a label with that of a payload, if this has one."""
    if payload is None or not payload.labels:
        return found
    label = whole_of(payload.labels)
    return label if found is None else found.join(label)


def _with_words(label: Label, words: list[str]) -> Label:
    """Return a label with one that a record has in words; without any nothing is said."""
    return label.join(label_from(tuple(words))) if words else label


_FINDERS: dict[type, Callable[[Any], Found]] = {
    StepRequest: _of_request,
    RunSubmitted: _of_submission,
    RunView: _of_view,
    StepSucceeded: _of_output,
    ChildFinished: _of_output,
    SignalReceived: _of_signal,
}
