"""What each step of two runs cost and how long it took, side by side."""

from collections.abc import Mapping

from msgspec import Struct

from services.observability.diff.facts import Node
from services.observability.diff.pairing import Pair

_NS_PER_MS = 1_000_000


class Spent(Struct, frozen=True, kw_only=True):
    """What a step and all below it spent in one run: nano-dollars, tokens, calls of models; its own time in ms.

    ``wait_ms`` are the waits that its attempts have recorded: for a worker, a quota, a hold of money.
    """

    cost_nano: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0
    attempts: int = 0
    errors: int = 0
    wait_ms: float = 0.0
    duration_ms: float = 0.0

    def with_part(self, part: "Spent") -> "Spent":
        """Return it with what a part of it spent. Its time stays its own."""
        return Spent(
            cost_nano=self.cost_nano + part.cost_nano,
            input_tokens=self.input_tokens + part.input_tokens,
            output_tokens=self.output_tokens + part.output_tokens,
            calls=self.calls + part.calls,
            attempts=self.attempts + part.attempts,
            errors=self.errors + part.errors,
            wait_ms=self.wait_ms + part.wait_ms,
            duration_ms=self.duration_ms,
        )


class StepDelta(Struct, frozen=True, kw_only=True):
    """A step of two runs; ``None`` where a run has no such step. The run itself has the step ""."""

    step: str
    type: str
    depth: int
    a: Spent | None
    b: Spent | None


def deltas(root: Pair) -> list[StepDelta]:
    """Return the run and its steps, parents before children, in the order of the first run."""
    of_a = {} if root.a is None else spent_of(root.a)
    of_b = {} if root.b is None else spent_of(root.b)
    found = []
    rest = [(0, root)]
    while rest:
        depth, pair = rest.pop()
        a, b = _of(of_a, pair.a), _of(of_b, pair.b)
        found.append(StepDelta(step=pair.either.step, type=pair.either.type, depth=depth, a=a, b=b))
        rest += [(depth + 1, step) for step in reversed(pair.steps)]
    return found


def _of(spent: Mapping[int, Spent], node: Node | None) -> Spent | None:
    return None if node is None else spent[id(node)]


def spent_of(root: Node) -> dict[int, Spent]:
    """Return what each span and all below it spent, by the id of its node's object. Without recursion."""
    order, rest = [], [root]
    while rest:
        node = rest.pop()
        order.append(node)
        rest += node.children
    found: dict[int, Spent] = {}
    for node in reversed(order):
        total = _own(node)
        for child in node.children:
            total = total.with_part(found[id(child)])
        found[id(node)] = total
    return found


def _own(node: Node) -> Spent:
    span, call = node.span, node.type in {"llm_call", "embedding"}
    return Spent(
        cost_nano=span.cost_nano,
        input_tokens=span.input_tokens,
        output_tokens=span.output_tokens,
        calls=int(call),
        attempts=int(node.type == "attempt"),
        errors=int(node.type == "attempt" and span.status == "error"),
        wait_ms=sum(phase.end_ns - phase.start_ns for phase in span.phases) / _NS_PER_MS,
        duration_ms=(span.end_ns - span.start_ns) / _NS_PER_MS,
    )
