"""A trace as a tree of its spans, with what was spent at every level. No I/O."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from msgspec import Struct, field

from schemas.ids import phase_span_id
from schemas.records.spans import Span

_NUMBERS = re.compile("([0-9]+)")
_CALLS = frozenset({"llm_call", "embedding"})


# A struct, since a trace has one for each of its spans: a frozen dataclass takes four times as long to make. It has
# numbers alone, so the collector need not look at it.
class Totals(Struct, frozen=True, kw_only=True, gc=False):
    """What a span spent together with all spans below it. Money is nano-dollars; ``spans`` counts itself."""

    cost_nano: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    spans: int = 0
    calls: int = 0
    errors: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        """Return both together."""
        return Totals(
            cost_nano=self.cost_nano + other.cost_nano,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            spans=self.spans + other.spans,
            calls=self.calls + other.calls,
            errors=self.errors + other.errors,
        )


NOTHING = Totals()


class TreeSpan(Struct, eq=False):
    """One span in its place.

    ``children`` are in the order in which they started. ``orphan``: its parent is not in the trace. ``drawn``: no such
    span is stored yet, it shows what a running run is known to do. ``phase``: it is a wait inside of its parent.
    """

    span: Span
    children: list["TreeSpan"] = field(default_factory=list)
    total: Totals = NOTHING
    orphan: bool = False
    drawn: bool = False
    phase: bool = False


@dataclass(frozen=True, slots=True)
class TraceTree:
    """The roots of a trace, runs first, and its spans by id. Nothing is left out, orphans are roots that say so.

    ``order`` has every span with its depth, parents before their children.
    """

    roots: list[TreeSpan]
    by_id: dict[str, TreeSpan]
    order: list[tuple[int, TreeSpan]]

    @property
    def total(self) -> Totals:
        """What the whole trace spent."""
        return sum((root.total for root in self.roots), Totals())

    @property
    def orphans(self) -> list[TreeSpan]:
        """The spans whose parents are missing, in the order in which they started."""
        return [root for root in self.roots if root.orphan]


def tree_of(spans: Iterable[Span], drawn: Iterable[Span] = ()) -> TraceTree:
    """Return the tree of a trace's spans. Of spans with one id the last counts; a stored one replaces a drawn one."""
    by_id = {one.span_id: TreeSpan(one, drawn=True) for one in drawn}
    by_id |= {one.span_id: TreeSpan(one) for one in spans}
    for phase in [phase for one in by_id.values() if one.span.phases for phase in _phases(one)]:
        by_id.setdefault(phase.span.span_id, phase)
    roots = _joined(by_id)
    order = _walked(roots)
    # Children before their parents, and without recursion: chains may be as long as traces.
    for _, one in reversed(order):
        one.total = _total(one)
    return TraceTree(roots, by_id, order)


def phase_spans(span: Span) -> list[Span]:
    """Return the waits inside of a span as spans below it, with ids that derive from its own."""
    return [
        Span(
            span_id=phase_span_id(span.span_id, phase.type, number),
            parent_span_id=span.span_id,
            name=phase.type,
            start_ns=phase.start_ns,
            end_ns=phase.end_ns,
            type=phase.type,
            step_id=span.step_id,
            attempt=span.attempt,
        )
        for number, phase in enumerate(span.phases)
    ]


def _phases(one: TreeSpan) -> Sequence[TreeSpan]:
    return [TreeSpan(span, drawn=one.drawn, phase=True) for span in phase_spans(one.span)]


def _joined(by_id: dict[str, TreeSpan]) -> list[TreeSpan]:
    """Put every span below its parent; return the others, in their order."""
    roots, ordered = [], _in_order(by_id.values())
    for one in ordered:
        parent = by_id.get(one.span.parent_span_id or "")
        if parent is None or parent is one:
            # A run may have been started by a program whose spans are not here: that is no fault of the trace.
            one.orphan = bool(one.span.parent_span_id) and one.span.type != "run"
            roots.append(one)
        else:
            parent.children.append(one)
    reached = _below(roots)
    # Spans of other programs may name each other as parents; each such ring becomes a root at its first span.
    for one in ordered if len(reached) < len(ordered) else ():
        if one.span.span_id not in reached:
            by_id[one.span.parent_span_id or ""].children.remove(one)
            one.orphan = True
            roots.append(one)
            reached |= _below([one])
    return sorted(roots, key=_root_order)


def _in_order(spans: Iterable[TreeSpan]) -> list[TreeSpan]:
    """Return spans in the order in which they started.

    What decides between equal starts is looked at for those alone: it takes longer than all the rest of a tree.
    """
    ordered: list[TreeSpan] = []
    for _, group in groupby(sorted(spans, key=_start), _start):
        same = list(group)
        ordered += sorted(same, key=_order) if len(same) > 1 else same
    return ordered


def _below(roots: Iterable[TreeSpan]) -> set[str]:
    rest, reached = list(roots), set()
    while rest:
        one = rest.pop()
        reached.add(one.span.span_id)
        rest += one.children
    return reached


def _walked(roots: Sequence[TreeSpan]) -> list[tuple[int, TreeSpan]]:
    found, rest = [], [(0, root) for root in reversed(roots)]
    while rest:
        depth, one = entry = rest.pop()
        found.append(entry)
        if one.children:
            depth += 1
            rest += [(depth, child) for child in reversed(one.children)]
    return found


def _total(one: TreeSpan) -> Totals:
    """Return what a span spent together with its children, whose totals are known."""
    span = one.span
    cost, tokens_in, tokens_out, spans = span.cost_nano, span.input_tokens, span.output_tokens, 1
    calls, errors = int(span.type in _CALLS), int(span.status == "error")
    for child in one.children:
        below = child.total
        cost += below.cost_nano
        tokens_in += below.input_tokens
        tokens_out += below.output_tokens
        spans += below.spans
        calls += below.calls
        errors += below.errors
    return Totals(
        cost_nano=cost, input_tokens=tokens_in, output_tokens=tokens_out, spans=spans, calls=calls, errors=errors
    )


def _start(one: TreeSpan) -> int:
    return one.span.start_ns


def _order(one: TreeSpan) -> tuple[int, list[str | int], int, int, str]:
    span = one.span
    return span.start_ns, _counted(span.step_id), span.attempt, span.end_ns, span.span_id


def _counted(step_id: str) -> list[str | int]:
    """Return a step id such that its numbers are compared as numbers: ``analyze[9]`` is before ``analyze[10]``."""
    return [int(part) if n % 2 else part for n, part in enumerate(_NUMBERS.split(step_id))]


def _root_order(one: TreeSpan) -> tuple[bool, bool, tuple[int, list[str | int], int, int, str]]:
    return one.orphan, one.span.type != "run", _order(one)
