"""What a fold will ask of a value that it cannot read, and the answers, computed before the value is sealed. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from schemas.payload import MissingPath, PathPart, walk
from schemas.privacy.sealed import condition_key, length_key
from schemas.records.base import Json, Part
from schemas.spec.conditions import Condition, compile_condition

#: A workflow has some conditions; a process may run many workflows.
COMPILED_MOST = 4_096


class Want(Part, frozen=True, kw_only=True):
    """One thing to decide: the condition ``text``, which reads the output of ``source`` and nothing else.

    Without a ``text`` it is the length of the list at ``path``.
    """

    text: str = ""
    source: str = ""
    path: list[PathPart] = []


@dataclass(frozen=True, slots=True)
class Sealing:
    """How a value is sealed: with the key of ``subject``, after what ``wants`` ask was decided."""

    subject: str
    wants: Sequence[Want] = ()


def decided(wants: Sequence[Want], value: Json) -> dict[str, bool | int | None]:
    """Return the answers for a plain value: of a condition whether it holds, of a path the length of its list.

    A condition that cannot be decided is false, as in runs without a subject; a path that leads to no list has no
    length.
    """
    found: dict[str, bool | int | None] = {}
    for want in wants:
        if want.text:
            answer = compiled(want.text, want.source).evaluate({}, {want.source: value})
            found[condition_key(want.text)] = answer.holds
        else:
            found[length_key(want.path)] = length_at(value, want.path)
    return found


def length_at(value: Json, path: Sequence[PathPart]) -> int | None:
    """Return the length of the list that a path leads to, ``None`` where it leads to none."""
    try:
        found = walk(value, list(path))
    except MissingPath:
        return None
    return len(found) if isinstance(found, list) else None


@lru_cache(COMPILED_MOST)
def compiled(text: str, source: str) -> Condition:
    """Return a condition over one output. Raises ``BadCondition`` for one that reads more."""
    return compile_condition(text, {source})
