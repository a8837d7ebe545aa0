"""The cases of a dataset in two parts: those that proposals may see, and those that judge them at the end."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

#: A shorter text of a case is found in other texts by chance.
_TELLING_CHARS = 12


class Case(NamedTuple):
    """One case. Cases of a cluster have something in common, so they are in one part."""

    id: str
    inputs: Mapping[str, Any]
    expected: Any
    cluster: str


class Parts(NamedTuple):
    """Cases that proposals are made from, and cases that are held out."""

    shown: list[Case]
    held_out: list[Case]


def case_of(row: Mapping[str, Any]) -> Case:
    """Return the case of a row of the API."""
    return Case(row["id"], row["inputs"], row.get("expected"), row.get("cluster") or "")


def parted(cases: Sequence[Case], share: float, seed: int) -> Parts:
    """Return the cases in two parts, of which ``share`` is held out, by clusters.

    The same seed gives the same parts, whatever the order of the cases; in each they are in the order given.
    """
    clusters: dict[str, list[Case]] = {}
    for case in cases:
        clusters.setdefault(case.cluster or f"\0{case.id}", []).append(case)
    held_out: set[str] = set()
    for name in sorted(clusters, key=lambda one: hashlib.sha256(f"{seed}\0{one}".encode()).digest()):
        of_cluster = clusters[name]
        if len(held_out) + len(of_cluster) <= round(share * len(cases)):
            held_out.update(case.id for case in of_cluster)
    return Parts([one for one in cases if one.id not in held_out], [one for one in cases if one.id in held_out])


def leaked(text: str, known: Collection[str], held_out: Sequence[Case]) -> str | None:
    """Return the id of a held-out case that a text has something of; ``None`` if it has nothing of any.

    ``known`` are texts that the prompt and the other cases have anyway.
    """
    for case in held_out:
        for told in _texts(case):
            if told in text and not any(told in one for one in known):
                return case.id
    return None


def texts_of(cases: Sequence[Case]) -> list[str]:
    """Return all that cases say, a text each."""
    return [json.dumps([case.inputs, case.expected], ensure_ascii=False) for case in cases] + [
        text for case in cases for text in _texts(case)
    ]


def _texts(case: Case) -> Iterator[str]:
    yield from (text for text in _strings([case.inputs, case.expected]) if len(text) >= _TELLING_CHARS)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value.strip()
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)
