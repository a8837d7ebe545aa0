"""A trace as rows of bars: when each span was, what mattered for the end, and large fans as one row. No I/O."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.observability.traces.tree import Totals, TraceTree, TreeSpan

#: Children of one kind below one span that are shown one by one; of more, the failed and the longest ones.
FOLD = 20
#: Children of a folded fan that are shown all the same: as many that failed, and as many of the longest.
SHOWN = 3
MAX_ROWS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One bar. Times are nanoseconds since the Unix epoch.

    ``span`` is the one that it is of; the first one where ``folded`` counts several that this row stands for.
    ``critical``: the trace would have ended earlier if this had been shorter. ``total`` is of all that it stands for.
    """

    depth: int
    name: str
    span: TreeSpan
    start_ns: int
    end_ns: int
    total: Totals
    critical: bool = False
    folded: int = 0


@dataclass(frozen=True, slots=True)
class Timeline:
    """The rows of a trace, parents before children. ``left_out`` counts rows beyond ``MAX_ROWS``."""

    start_ns: int
    end_ns: int
    rows: list[Row]
    left_out: int = 0


def timeline_of(tree: TraceTree, fold: int = FOLD) -> Timeline:
    """Return a trace's timeline. ``fold`` is how many children of a fan are shown one by one."""
    critical = critical_path(tree)
    rows = list(_rows(tree, critical, fold))
    spans = [one.span for one in tree.by_id.values()]
    start = min((span.start_ns for span in spans), default=0)
    end = max((span.end_ns for span in spans), default=0)
    return Timeline(start, end, rows[:MAX_ROWS], max(0, len(rows) - MAX_ROWS))


def critical_path(tree: TraceTree) -> set[str]:
    """Return the ids of the spans that the end of the trace waited for.

    From a span's end backwards: the child that ended last before then, then the one that ended last before that child's
    start, and so on; and the same within each of them.
    """
    if not tree.roots:
        return set()
    last = max(tree.roots, key=lambda one: one.span.end_ns)
    found, rest = {last.span.span_id}, [last]
    while rest:
        one = rest.pop()
        until = one.span.end_ns
        for child in sorted(one.children, key=lambda child: child.span.end_ns, reverse=True):
            if child.span.end_ns <= until and child.span.end_ns > child.span.start_ns:
                found.add(child.span.span_id)
                rest.append(child)
                until = child.span.start_ns
    return found


def _rows(tree: TraceTree, critical: set[str], fold: int) -> Iterator[Row]:
    rest: list[tuple[int, TreeSpan | list[TreeSpan]]] = [(0, one) for one in reversed(tree.roots)]
    while rest:
        depth, one = rest.pop()
        if isinstance(one, list):
            yield _folded(depth, one, critical)
            continue
        span = one.span
        yield Row(
            depth=depth,
            name=span.name,
            span=one,
            start_ns=span.start_ns,
            end_ns=span.end_ns,
            total=one.total,
            critical=span.span_id in critical,
        )
        rest += [(depth + 1, child) for child in reversed(_folding(one.children, critical, fold))]


def _folding(children: Sequence[TreeSpan], critical: set[str], fold: int) -> list[TreeSpan | list[TreeSpan]]:
    """Return children as they are shown: those of a large fan that matter, and one list of all others."""
    fans: dict[str, list[TreeSpan]] = {}
    for child in children:
        fans.setdefault(_fan(child), []).append(child)
    shown: list[TreeSpan | list[TreeSpan]] = []
    for child in children:
        fan = fans.pop(_fan(child), None)
        if fan is None:
            continue
        if not _fan(child) or len(fan) <= fold:
            shown += fan
            continue
        kept = _kept(fan, critical)
        folded = [one for one in fan if one.span.span_id not in kept]
        shown += [*([folded] if folded else []), *(one for one in fan if one.span.span_id in kept)]
    return shown


def _kept(fan: Sequence[TreeSpan], critical: set[str]) -> set[str]:
    failed = [one for one in fan if one.span.status == "error"][:SHOWN]
    longest = sorted(fan, key=lambda one: one.span.start_ns - one.span.end_ns)[:SHOWN]
    waited_for = [one for one in fan if one.span.span_id in critical][:SHOWN]
    return {one.span.span_id for one in (*failed, *longest, *waited_for)}


def _fan(one: TreeSpan) -> str:
    """Return what a child of a map, a turn or an iteration has in common with its siblings; empty for other spans."""
    step = one.span.step_id
    if one.span.type in {"attempt", "llm_call", "embedding", "tool_call"} or one.phase:
        return ""
    return step[: step.rindex("[")] if step.endswith("]") else ""


def _folded(depth: int, fan: Sequence[TreeSpan], critical: set[str]) -> Row:
    first = fan[0]
    return Row(
        depth=depth,
        name=f"{_fan(first)}[{len(fan)} more]",
        span=first,
        start_ns=min(one.span.start_ns for one in fan),
        end_ns=max(one.span.end_ns for one in fan),
        total=sum((one.total for one in fan), Totals()),
        critical=any(one.span.span_id in critical for one in fan),
        folded=len(fan),
    )
