"""A recorded run as the comparison reads it: its spans with what its definition says of its nodes."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from schemas.records.spans import Span


class Definition(Struct, frozen=True, kw_only=True):
    """What a run was made from. All of it may be unknown, and then it explains nothing.

    ``nodes`` has the hash of what each node says by its id, ``needs`` the nodes that each one waits for.
    """

    workflow: str = ""
    version: int = 0
    hash: str = ""
    nodes: Mapping[str, str] = {}
    needs: Mapping[str, Sequence[str]] = {}


def ancestors(needs: Mapping[str, Sequence[str]]) -> dict[str, frozenset[str]]:
    """Return all nodes that each node waits for, directly or not.

    Unlike ``schemas.spec.graph.ancestors`` it needs no order: the needs of two versions together may have a cycle.
    """
    found: dict[str, frozenset[str]] = {}
    for node in needs:
        above: set[str] = set()
        rest = list(needs[node])
        while rest:
            one = rest.pop()
            if one not in above:
                above.add(one)
                rest += needs.get(one, ())
        found[node] = frozenset(above)
    return found


class RecordedRun(Struct, frozen=True, kw_only=True):
    """One run: the spans of its trace in any order, its definition, and the tags that it was submitted with."""

    run_id: str
    spans: Sequence[Span]
    definition: Definition = Definition()
    tags: Mapping[str, str] = {}
