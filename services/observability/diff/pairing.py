"""Which span of one run is which of the other: by step path, maps' children by their items, turns by alignment."""

import re
from collections import defaultdict, deque
from collections.abc import Sequence

from msgspec import Struct, field

from services.observability.diff.facts import MODEL_CALLS, Node
from services.observability.diff.sequences import align

_NUMBERS = re.compile("[0-9]+")


class Pair(Struct, kw_only=True):
    """A span of each run that stand for the same; ``None``: the run has no such span."""

    a: Node | None
    b: Node | None
    steps: list["Pair"] = field(default_factory=list)
    paired_parts: list["Pair"] | None = None

    @property
    def either(self) -> Node:
        """The span of the first run that has one."""
        node = self.a if self.a is not None else self.b
        assert node is not None
        return node

    @property
    def parts(self) -> list["Pair"]:
        """The pairs right below it that are no steps. Most steps are equal, and nobody looks at their parts."""
        if self.paired_parts is None:
            a, b = ([] if node is None else node.parts for node in (self.a, self.b))
            self.paired_parts = _parts(a, b)
        return self.paired_parts


def paired(a: Node, b: Node) -> Pair:
    """Return two runs' trees as one of pairs."""
    root = Pair(a=a, b=b)
    rest = [root]
    while rest:
        pair = rest.pop()
        if pair.a is not None and pair.b is not None:
            pair.steps = _steps(pair.a, pair.b)
        else:
            one_sided = pair.a is not None
            pair.steps = [Pair(a=n if one_sided else None, b=None if one_sided else n) for n in pair.either.steps]
        rest += pair.steps
    return root


def _steps(a: Node, b: Node) -> list[Pair]:
    if a.type == b.type == "map":
        return _by_item(a.steps, b.steps)
    if a.type == b.type == "agent":
        return _aligned(a.steps, b.steps)
    return _by_key(a.steps, b.steps, a.step, b.step)


def _parts(a: Sequence[Node], b: Sequence[Node]) -> list[Pair]:
    """Pair attempts from the last one back, as the last one gave the result; calls and all else by alignment."""
    attempts_a, attempts_b = ([n for n in nodes if n.type == "attempt"] for nodes in (a, b))
    others_a, others_b = ([n for n in nodes if n.type != "attempt"] for nodes in (a, b))
    last = _padded(attempts_a[::-1], attempts_b[::-1])[::-1]
    return [*last, *_aligned(others_a, others_b)]


def _padded(a: Sequence[Node], b: Sequence[Node]) -> list[Pair]:
    longest = max(len(a), len(b))
    return [Pair(a=a[n] if n < len(a) else None, b=b[n] if n < len(b) else None) for n in range(longest)]


def _by_key(a: Sequence[Node], b: Sequence[Node], above_a: str = "", above_b: str = "") -> list[Pair]:
    """Pair steps by their paths below the step above them, which may be another turn in the other run."""
    right: defaultdict[str, deque[Node]] = defaultdict(deque)
    for node in b:
        right[node.step.removeprefix(above_b)].append(node)
    keys = [node.step.removeprefix(above_a) for node in a]
    pairs = [Pair(a=n, b=right[key].popleft() if right[key] else None) for n, key in zip(a, keys, strict=True)]
    return pairs + [Pair(a=None, b=node) for rest in right.values() for node in rest]


def _by_item(a: Sequence[Node], b: Sequence[Node]) -> list[Pair]:
    """Pair children of a map that had the same item, equal items in their order; the others by index.

    An item that moved is no difference. Those left over share an index where the item itself has changed.
    """
    by_item: defaultdict[str, deque[Node]] = defaultdict(deque)
    for node in b:
        if node.inputs:
            by_item[node.inputs].append(node)
    found: dict[int, Node] = {}
    for n, node in enumerate(a):
        if node.inputs and by_item[node.inputs]:
            found[n] = by_item[node.inputs].popleft()
    taken = {id(node) for node in found.values()}
    rest = _by_key([n for i, n in enumerate(a) if i not in found], [n for n in b if id(n) not in taken])
    return [*(Pair(a=a[n], b=node) for n, node in found.items()), *rest]


def _aligned(a: Sequence[Node], b: Sequence[Node]) -> list[Pair]:
    if len(a) == len(b) == 1 and _kind(a[0]) == _kind(b[0]):
        return [Pair(a=a[0], b=b[0])]
    places = align([_look(node) for node in a], [_look(node) for node in b], _alike)
    return [Pair(a=None if i is None else a[i], b=None if j is None else b[j]) for i, j in places]


#: Of a span: its type, what it does, the hashes of what came in and of what came out.
_Look = tuple[str, str, str, str]


def _look(node: Node) -> _Look:
    return _kind(node), _named(node), node.inputs, node.output


def _kind(node: Node) -> str:
    """Return a span's type; an earlier answer that stood in for a call is that call."""
    return "llm_call" if node.type == "cache" else node.type


def _named(node: Node) -> str:
    """Return what a span does, without what may differ between runs: a call's model, a turn's number."""
    if node.is_step:
        return _NUMBERS.sub("", node.step.rpartition("/")[2])
    return "" if node.type in MODEL_CALLS else node.span.name


def _alike(a: _Look, b: _Look) -> float:
    """Return how alike two turns or calls are: what came in counts most, then what came out, then what it is named."""
    if a[0] != b[0]:
        return -3.0
    score = 0.5 if a[1] == b[1] else -1.5
    if a[2] and a[2] == b[2]:
        score += 1.5
    return score + 1.0 if a[3] and a[3] == b[3] else score
