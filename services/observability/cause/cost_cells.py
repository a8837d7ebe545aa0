"""Paid and cached calls of a set of runs, added up by node and route: what a decomposition of cost is made from."""

from collections.abc import Iterable, Mapping
from fractions import Fraction

from msgspec import Struct

from schemas.records.spans import Span
from services.observability.diff.facts import MODEL_CALLS, is_cached
from services.observability.diff.kinds import node_id_of

Rates = tuple[Fraction, Fraction]
"""Nano-dollars for a token of input and one of output."""


class Call(Struct, frozen=True, kw_only=True):
    """One call of a model that was paid, or that an earlier answer stood in for. Money is nano-dollars."""

    node: str
    step: str
    route: str
    cached: bool
    input_tokens: int
    output_tokens: int
    cost_nano: int


class Cell(Struct, kw_only=True):
    """Calls of one node by one route. Sums of products are over paid calls; i, o, c: input, output tokens, cost."""

    paid: int = 0
    cached: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano: int = 0
    ii: int = 0
    io: int = 0
    oo: int = 0
    ic: int = 0
    oc: int = 0

    def add(self, call: Call) -> None:
        """Count a call."""
        if call.cached:
            self.cached += 1
            return
        i, o, c = call.input_tokens, call.output_tokens, call.cost_nano
        self.paid += 1
        self.input_tokens += i
        self.output_tokens += o
        self.cost_nano += c
        self.ii += i * i
        self.io += i * o
        self.oo += o * o
        self.ic += i * c
        self.oc += o * c

    def rates(self) -> Rates | None:
        """Return the rates by which its calls were paid, by least squares; ``None`` where the calls do not tell.

        Calls of one price list are paid exactly so, but for rounding; then the squares are (nearly) zero.
        """
        determinant = self.ii * self.oo - self.io * self.io
        if not determinant:
            return None
        into = Fraction(self.ic * self.oo - self.oc * self.io, determinant)
        out = Fraction(self.oc * self.ii - self.ic * self.io, determinant)
        return (into, out) if into >= 0 and out > 0 else None


class Spending(Struct, kw_only=True):
    """What a set of runs spent: how many steps of each node made calls, and its calls by node and route."""

    steps: dict[str, int] = {}
    cells: dict[tuple[str, str], Cell] = {}

    @property
    def cost_nano(self) -> int:
        """All that was paid."""
        return sum(cell.cost_nano for cell in self.cells.values())


def spending_of(calls: Iterable[Call]) -> Spending:
    """Return calls added up. Steps are told apart by ``Call.step``, so it must name the run, too."""
    steps: dict[str, set[str]] = {}
    cells: dict[tuple[str, str], Cell] = {}
    for call in calls:
        steps.setdefault(call.node, set()).add(call.step)
        cells.setdefault((call.node, call.route), Cell()).add(call)
    return Spending(steps={node: len(ids) for node, ids in steps.items()}, cells=cells)


def calls_of(spans: Mapping[str, Iterable[Span]]) -> Iterable[Call]:
    """Yield the calls among the spans of runs, by the ids of the runs.

    A call that failed and was not paid counts for nothing: it made no step dearer, but slower.
    """
    for run_id, of_run in spans.items():
        for span in of_run:
            cached = is_cached(span)
            if span.type in MODEL_CALLS and (cached or span.cost_nano):
                yield Call(
                    node=node_id_of(span.step_id),
                    step=f"{run_id}:{span.step_id}",
                    route=f"{span.provider}/{span.model}",
                    cached=cached,
                    input_tokens=span.input_tokens,
                    output_tokens=span.output_tokens,
                    cost_nano=0 if cached else span.cost_nano,
                )
