"""Texts that a person or the workflow's author has written, as far as an agent has read them.

A policy may let an argument stand that was written in one of them (``endorse: verbatim``), although the model that
wrote the call has read untrusted content, too.
"""

from collections.abc import Iterable, Iterator

from schemas.labels.label import Integrity
from schemas.labels.mapped import Labels
from schemas.labels.paths import ROOT, Path
from schemas.payload import Inline
from schemas.records.base import Json
from streams.core.runs.labels.recorded import of_payload
from streams.core.runs.plan.agent_ids import call_ids, turn_id
from streams.core.runs.state.reader import RunReader

#: Bytes of texts that a request for a call of an agent carries at most.
TEXTS_MOST = 32 * 1024


def written_by_people(args: Json, labels: Labels, run: RunReader, agent_id: str, number: int) -> list[str]:
    """Return the trusted texts that an agent has read before its turn of this number: its arguments, then results.

    They are cut off where they have ``TEXTS_MOST`` bytes together. What is stored elsewhere is left out.
    """
    return list(_bounded((*_texts(args, ROOT, labels), *_of_results(run, agent_id, number))))


def _of_results(run: RunReader, agent_id: str, number: int) -> Iterator[str]:
    for before in range(1, number):
        said = run.recorded(turn_id(agent_id, before))
        for id_ in call_ids(agent_id, before, said.calls):
            step = run.step(id_)
            if step is not None and isinstance(step.output, Inline):
                yield from _texts(step.output.value, ROOT, of_payload(step.output))


def _texts(value: Json, at: Path, labels: Labels) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _texts(one, (*at, key), labels)
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _texts(one, (*at, index), labels)
    elif _is_text(value) and labels.nearest(at).integrity <= Integrity.USER:
        yield str(value)


def _is_text(value: Json) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _bounded(texts: Iterable[str]) -> Iterator[str]:
    left = TEXTS_MOST
    for text in dict.fromkeys(texts):
        left -= len(text.encode())
        if left < 0:
            return
        yield text
