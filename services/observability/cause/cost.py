"""Why some runs cost more than others, as six parts that add up to the nano-dollar.

The cost of a node is a product: steps x calls for each x share of calls that are paid x, over routes, share of the
route x tokens of a call x price of a token. Each factor has a value in both sets of runs. Its part is its Shapley
value: the mean, over all orders in which the factors could change one after the other, of what its change adds
(Shapley, A value for n-person games, 1953; for decompositions: Shorrocks, Journal of Economic Inequality 11, 2013). No
order is preferred, and the parts add up exactly, since the arithmetic is that of fractions; parts are rounded to whole
nano-dollars by largest remainders.

What one set of runs lacks changes nothing but its volume, or its route: a node that is new is all ``volume``, and calls
of a route that was not used are ``route``, at the tokens and the price that they have where they are.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from math import factorial, floor
from typing import Literal

from msgspec import Struct

from services.observability.cause.cost_cells import Cell, Rates, Spending

Factor = Literal["volume", "retries", "cache", "route", "tokens", "price"]
FACTORS: tuple[Factor, ...] = ("volume", "retries", "cache", "route", "tokens", "price")


class NodeParts(Struct, frozen=True, kw_only=True):
    """What a node cost in both sets of runs, and the difference by factor, all in nano-dollars."""

    node: str
    a_nano: int
    b_nano: int
    parts: Mapping[Factor, int]


class CostCause(Struct, frozen=True, kw_only=True):
    """The difference of two sets of runs, ``b_nano - a_nano``, by factor and by node; both add up to it exactly."""

    a_nano: int
    b_nano: int
    parts: Mapping[Factor, int]
    nodes: Sequence[NodeParts]

    @property
    def difference_nano(self) -> int:
        """How much more the second set cost."""
        return self.b_nano - self.a_nano


def cost_cause(a: Spending, b: Spending) -> CostCause:
    """Return why the second set of runs cost more, or less, than the first; nodes with the largest parts first."""
    nodes = [_node(node, a, b) for node in sorted({*a.steps, *b.steps})]
    nodes.sort(key=lambda one: (-abs(one.b_nano - one.a_nano), one.node))
    parts: dict[Factor, int] = {factor: sum(one.parts[factor] for one in nodes) for factor in FACTORS}
    return CostCause(a_nano=a.cost_nano, b_nano=b.cost_nano, parts=parts, nodes=nodes)


class _Route(Struct, frozen=True, kw_only=True):
    """Share of a node's paid calls, tokens of a call, price of a token, input and output apart."""

    share: Fraction
    tokens: tuple[Fraction, Fraction]
    price: Rates


class _Side(Struct, frozen=True, kw_only=True):
    """The factors of one node in one set of runs."""

    volume: Fraction
    retries: Fraction
    cache: Fraction
    routes: Mapping[str, _Route]


def _node(node: str, a: Spending, b: Spending) -> NodeParts:
    sides = _sides(node, a, b)
    cost_a, cost_b = (sum(cell.cost_nano for (of, _), cell in one.cells.items() if of == node) for one in (a, b))
    return NodeParts(node=node, a_nano=cost_a, b_nano=cost_b, parts=_rounded(_shapley(*sides), cost_b - cost_a))


def _sides(node: str, a: Spending, b: Spending) -> tuple[_Side, _Side]:
    """Return the factors of both; one that a set of runs does not have is that of the other."""
    cells_a, cells_b = _cells(node, a), _cells(node, b)
    routes_a: dict[str, _Route] = {}
    routes_b: dict[str, _Route] = {}
    paid_a, paid_b = (sum(cell.paid for cell in cells.values()) for cells in (cells_a, cells_b))
    for route in sorted({*cells_a, *cells_b}):
        one, other = cells_a.get(route, Cell()), cells_b.get(route, Cell())
        if not one.paid and not other.paid:
            continue
        rates = _rates(one, other)
        of_a, of_b = _paid(one, rates[0]), _paid(other, rates[1])
        known_a, known_b = of_a or of_b, of_b or of_a
        assert known_a is not None
        assert known_b is not None
        # Without any paid call, the shares are unknown as well, and then those of the other set stand in.
        share_a, share_b = _either(_share(one.paid, paid_a), _share(other.paid, paid_b))
        routes_a[route] = _Route(share=share_a, tokens=known_a[0], price=known_a[1])
        routes_b[route] = _Route(share=share_b, tokens=known_b[0], price=known_b[1])
    counts = (_counts(node, a, cells_a), _counts(node, b, cells_b))
    retries, cache = _either(counts[0][1], counts[1][1]), _either(counts[0][2], counts[1][2])
    first = _Side(volume=counts[0][0], retries=retries[0], cache=cache[0], routes=routes_a)
    return first, _Side(volume=counts[1][0], retries=retries[1], cache=cache[1], routes=routes_b)


def _cells(node: str, of: Spending) -> dict[str, Cell]:
    return {route: cell for (name, route), cell in of.cells.items() if name == node}


def _share(part: int, whole: int) -> Fraction | None:
    return Fraction(part, whole) if whole else None


def _counts(node: str, of: Spending, cells: Mapping[str, Cell]) -> tuple[Fraction, Fraction | None, Fraction | None]:
    """Return a node's steps, its calls for each step, and the share of its calls that are paid."""
    steps = of.steps.get(node, 0)
    paid, calls = sum(cell.paid for cell in cells.values()), sum(cell.paid + cell.cached for cell in cells.values())
    return Fraction(steps), _share(calls, steps), _share(paid, calls)


def _either(a: Fraction | None, b: Fraction | None) -> tuple[Fraction, Fraction]:
    known = a if a is not None else b if b is not None else Fraction(0)
    return known if a is None else a, known if b is None else b


def _rates(a: Cell, b: Cell) -> tuple[Rates, Rates]:
    """Return how the prices of input and output stand to each other in both sets.

    Where one set does not tell, as with a single call, the rates of the other are as good: only their ratio counts.
    Where none does, all tokens are priced alike.
    """
    alike: Rates = (Fraction(1), Fraction(1))
    of_a, of_b = a.rates(), b.rates()
    return of_a or of_b or alike, of_b or of_a or alike


def _paid(cell: Cell, rates: Rates) -> tuple[tuple[Fraction, Fraction], Rates] | None:
    """Return the tokens of a mean call and the price of each, such that the two give the cell's cost exactly."""
    if not cell.paid:
        return None
    tokens = Fraction(cell.input_tokens, cell.paid), Fraction(cell.output_tokens, cell.paid)
    listed = tokens[0] * rates[0] + tokens[1] * rates[1]
    if not listed:
        # A price without a token: one token stands for the call.
        return (Fraction(1), Fraction(0)), (Fraction(cell.cost_nano, cell.paid), Fraction(0))
    scale = Fraction(cell.cost_nano, cell.paid) / listed
    return tokens, (rates[0] * scale, rates[1] * scale)


def _value(a: _Side, b: _Side, changed: frozenset[Factor]) -> Fraction:
    """Return the cost with some factors of the second set and the others of the first."""

    def of(factor: Factor) -> _Side:
        return b if factor in changed else a

    calls = of("volume").volume * of("retries").retries * of("cache").cache
    if not calls:
        return Fraction(0)
    shares, tokens, prices = of("route").routes, of("tokens").routes, of("price").routes
    each = sum(
        (
            share.share
            * (tokens[route].tokens[0] * prices[route].price[0] + tokens[route].tokens[1] * prices[route].price[1])
            for route, share in shares.items()
        ),
        Fraction(0),
    )
    return calls * each


def _shapley(a: _Side, b: _Side) -> dict[Factor, Fraction]:
    values = {
        frozenset(some): _value(a, b, frozenset(some))
        for n in range(len(FACTORS) + 1)
        for some in combinations(FACTORS, n)
    }
    found: dict[Factor, Fraction] = {}
    count = len(FACTORS)
    for factor in FACTORS:
        part = Fraction(0)
        for some, value in values.items():
            if factor not in some:
                weight = Fraction(factorial(len(some)) * factorial(count - len(some) - 1), factorial(count))
                part += weight * (values[some | {factor}] - value)
        found[factor] = part
    return found


def _rounded(parts: Mapping[Factor, Fraction], total: int) -> dict[Factor, int]:
    """Return parts as integers that add up to the total, each less than one away from its own."""
    found = {factor: floor(part) for factor, part in parts.items()}
    by_rest = sorted(FACTORS, key=lambda factor: found[factor] - parts[factor])
    for factor in by_rest[: total - sum(found.values())]:
        found[factor] += 1
    return found
