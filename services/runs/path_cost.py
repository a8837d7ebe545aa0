"""What a run with a budget costs at most on its cheapest path, as far as its definition and the prices say.

A node's bound is that of one attempt: a call of a model at its route's price, with ``max_input_tokens`` or what the
model can read as its input and ``max_tokens`` as its output; as often as ``max_items``, ``max_iterations`` or
``max_turns`` allow. A tier that a call may step down to counts, too, if it is cheaper. A node without a bound is
``unbounded``, and counts nothing: a model whose route is chosen for each call or that has no price, an input without a
limit, a map of any length.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from connectors.prices.book import PriceBook
from connectors.prices.rates import AUDIO_INPUT, IMAGE_INPUT, LONG_WRITES, VIDEO_INPUT
from connectors.providers.names import DEFAULT_PROVIDER
from connectors.tools.builtin.images import ANALYZER
from schemas.errors import InvalidInput, Problem, StepError
from schemas.money import from_cents, usd
from schemas.prompts.effective import effective
from schemas.spec.cheapest_path import cheapest_nano, path_nodes
from schemas.spec.model import (
    AgentNode,
    Dag,
    Edge,
    LlmConfig,
    LlmNode,
    LoopNode,
    Node,
    ResolvedSpec,
    ToolNode,
    WorkflowNode,
)
from schemas.spec.nested import child_spec, pinned_key
from schemas.spec.policy import TIERS, Policy
from services.routing.router import LOCAL_ROUTES, Route


@dataclass(frozen=True, slots=True)
class PathCost:
    """The cheapest path of a workflow: its sum, each node's bound, and the nodes that have none."""

    cheapest_nano: int
    bounds: Mapping[str, int] = field(default_factory=dict)
    unbounded: tuple[str, ...] = ()

    def check(self, budget_nano: int) -> None:
        """Raise ``InvalidInput`` for a budget that even the cheapest path does not fit."""
        if self.cheapest_nano > budget_nano:
            needed = usd(self.cheapest_nano)
            said = f"the cheapest path of the workflow may cost {needed} USD, and the budget is {usd(budget_nano)} USD"
            fix = f"give at least {needed} USD, lower max_tokens, max_input_tokens or max_items, or pin a cheaper model"
            problem = Problem("budget_cents", said, fix)
            raise InvalidInput.of(problem)


class PathCosts:
    """Computes cheapest paths at the prices of now."""

    def __init__(self, prices: PriceBook) -> None:
        self._prices = prices

    def of(self, resolved: ResolvedSpec) -> PathCost:
        """Return the cheapest path of a workflow, those that it runs included."""
        dag = resolved.spec.dag
        bounds = dict(self._bounds(_own_nodes(dag), resolved))
        known = {node: bound for node, bound in bounds.items() if bound}
        sum_nano = self._cheapest(_own_nodes(dag), dag.edges, bounds)
        return PathCost(sum_nano, known, tuple(node for node, bound in bounds.items() if bound is None))

    def _cheapest(self, nodes: list[Node], edges: list[Edge], bounds: Mapping[str, int | None]) -> int:
        return cheapest_nano(path_nodes(nodes, edges, {node: bound or 0 for node, bound in bounds.items()}))

    def _bounds(self, nodes: Iterable[Node], resolved: ResolvedSpec) -> Iterator[tuple[str, int | None]]:
        for node in nodes:
            bound = self._once(node, resolved)
            if bound and node.config.parallel:
                items = node.config.items
                most = len(items) if isinstance(items, list) else node.config.max_items
                bound = None if most is None else bound * most
            yield node.id, bound

    def _once(self, node: Node, resolved: ResolvedSpec) -> int | None:
        """Return the most that a node costs, or one item of a map; ``None`` when nobody can tell."""
        match node:
            case LlmNode():
                return self._call(effective(node, resolved.prompts.get(node.config.prompt_ref)), node.policy)
            case AgentNode():
                turn = self._call(effective(node, resolved.prompts.get(node.config.prompt_ref)), node.policy)
                turns = None if turn is None else turn * node.config.max_turns
                return _least(turns, _cap(node.config.max_cost_cents))
            case LoopNode():
                body: list[Node] = list(node.config.body)
                bounds = dict(self._bounds(body, resolved))
                if None in bounds.values():
                    return None
                return self._cheapest(body, node.config.edges, bounds) * node.config.max_iterations
            case WorkflowNode():
                child = self.of(child_spec(resolved, pinned_key(node.config, resolved.pins)))
                cap = _cap(node.config.max_cost_cents)
                return _least(None if child.unbounded else child.cheapest_nano, cap)
            case ToolNode():
                return None if node.config.tool_name == ANALYZER and node.config.tool_config.get("model") else 0
        return 0

    def _call(self, config: LlmConfig, policy: Policy) -> int | None:
        pinned = config.provider is not None or config.model is not None
        if policy.route is not None and not pinned:
            return None
        if pinned:
            routes = [Route(config.provider or DEFAULT_PROVIDER, config.model)] if config.model is not None else []
        else:
            routes = [LOCAL_ROUTES[tier] for tier in TIERS[TIERS.index(policy.quality) :]]
        bounds = [self._at(route, config) for route in routes]
        known = [bound for bound in bounds if bound is not None]
        return min(known) if known and len(known) == len(bounds) else None

    def _at(self, route: Route, config: LlmConfig) -> int | None:
        absent = AUDIO_INPUT | VIDEO_INPUT | LONG_WRITES | (frozenset() if config.images else IMAGE_INPUT)
        tokens = config.max_input_tokens or self._prices.context_tokens(route.provider, route.model)
        try:
            if tokens is None:
                # A model that costs nothing needs no bound.
                free = self._prices.estimate(route.provider, route.model, 1_000_000, 1_000_000, None, absent) == 0
                return 0 if free else None
            return self._prices.estimate(route.provider, route.model, tokens, config.max_tokens, None, absent)
        except StepError:
            return None


def _cap(cents: Decimal | None) -> int | None:
    return None if cents is None else from_cents(cents)


def _least(bound: int | None, cap_nano: int | None) -> int | None:
    amounts = [amount for amount in (bound, cap_nano) if amount is not None]
    return min(amounts) if amounts else None


def _own_nodes(dag: Dag) -> list[Node]:
    """Return the nodes that decide how a run ends: not those that compensate."""
    apart = {*dag.on_failure, *dag.on_cancel}
    while more := {edge.target for edge in dag.edges if edge.source in apart} - apart:
        apart |= more
    return [node for node in dag.nodes if node.id not in apart]
