"""Providers that may get data which they may not have: by rules, by demands of compliance, and by lists.

A node asks the route that it pins, those that it limits its choice to, or the one of its quality. At run time a call
that only demands deny goes elsewhere if it can; then it is a warning here. A choice among all models is left to the
run, where it is made among those that may have the data.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from connectors.providers.names import DEFAULT_MODELS, DEFAULT_PROVIDER
from connectors.tools.builtin.images import ANALYZER
from schemas.compliance.facts import NOTHING, Known
from schemas.compliance.section import ANY_CLASS, class_of, is_demand
from schemas.labels.label import Label
from schemas.prompts.effective import effective
from schemas.spec.model import AgentNode, LlmNode, ToolNode
from services.security.flow.finding import Finding
from services.security.flow.flows import CHOICE, Flow, NodeFlow
from services.security.flow.ground import Ground, source_of
from services.security.flow.judge import Judge, Said


@dataclass(frozen=True, slots=True)
class _Asked:
    """The routes that a node may ask, and their place. ``chosen``: one of them is chosen at run time."""

    path: str
    routes: tuple[tuple[str, str], ...]
    chosen: bool = False


def of_providers(flow: Flow, one: NodeFlow, ground: Ground, judge: Judge | None) -> Iterator[Finding]:
    """Yield what is wrong with the providers that a node may ask."""
    asked = _asked(flow, one)
    if asked is None:
        return
    if judge is not None:
        rulings = [(route, judge.model(flow, one, *route)) for route in asked.routes]
        yield from _of_rules(flow, one, asked, rulings, ground)
        yield from _of_demands(flow, one, asked, rulings, judge)
    if isinstance(one.node, LlmNode | AgentNode):
        yield from _of_lists(one, asked, ground)


def into(flow: Flow, one: NodeFlow, ground: Ground) -> tuple[str, ...]:
    """Return the way of untrusted data into an agent, without the agent: from a tool of its own, or from before it."""
    id_ = one.node.id
    for name in one.tools:
        if source_of(ground.tool(name)).whole.integrity > ground.least:
            return (f"{id_}/{name}",)
    for argument in one.reads:
        if argument != CHOICE and one.argument(argument).whole.integrity > ground.least:
            return flow.way(id_, argument, ground.least)[:-1]
    return flow.way(id_, CHOICE, ground.least)[:-1]


def _asked(flow: Flow, one: NodeFlow) -> _Asked | None:
    node, path = one.node, f"{one.path}.config.provider"
    if isinstance(node, ToolNode):
        given = node.config.tool_config
        if node.config.tool_name != ANALYZER or not isinstance(given.get("model"), str):
            return None
        route = (str(given.get("provider") or DEFAULT_PROVIDER), str(given["model"]))
        return _Asked(f"{one.path}.config.tool_config.provider", (route,))
    if not isinstance(node, LlmNode | AgentNode):
        return None
    config = effective(node, flow.resolved.prompts.get(node.config.prompt_ref))
    if config.provider is not None or config.model is not None:
        return _Asked(path, ((config.provider or DEFAULT_PROVIDER, config.model or ""),))
    if node.policy.route is None:
        return _Asked(path, ((DEFAULT_PROVIDER, DEFAULT_MODELS[node.policy.quality]),))
    named = [route.partition("/") for route in node.policy.route.models if "*" not in route]
    routes = tuple((provider, model) for provider, _, model in named)
    return _Asked(f"{one.path}.policy.route.models", routes, chosen=True)


def _of_rules(
    flow: Flow, one: NodeFlow, asked: _Asked, rulings: list[tuple[tuple[str, str], Said]], ground: Ground
) -> Iterator[Finding]:
    """Yield what rules deny that are no demands."""
    for (provider, _), ruled in rulings:
        denying = [(rule, reason) for rule, reason in ruled.denying if not is_demand(rule)]
        if not denying:
            continue
        names = ", ".join(f"'{rule}'" for rule, _ in denying)
        why = f": {denying[0][1]}" if denying[0][1] else ""
        said = f"node '{one.node.id}' asks '{provider}', which rule{'s' * (len(denying) > 1)} {names} denies{why}"
        way = into(flow, one, ground) if one.args.whole.integrity > ground.least else ()
        fix = "name another provider, or give it other data"
        yield Finding("provider", asked.path, one.node.id, provider, way, said, fix, asks=ruled.open)


def _of_demands(
    flow: Flow, one: NodeFlow, asked: _Asked, rulings: list[tuple[tuple[str, str], Said]], judge: Judge
) -> Iterator[Finding]:
    """Yield each class that may go to a provider which does not meet its demands, with the way that it takes."""
    refused = [(route, demands) for route, ruled in rulings if (demands := _demands(ruled))]
    others = asked.chosen and len(refused) < len(rulings)
    other = None if others or not refused else judge.reroute(flow, one, [route for route, _ in refused])
    for (provider, model), demands in refused:
        for name, rules in demands.items():
            what = "data" if name == ANY_CLASS else f"data of class '{name}'"
            route = f"{provider}/{model}" if model else provider
            reasons = "; ".join(f"rule '{rule}': {reason}" for rule, reason in rules)
            said = (
                f"node '{one.node.id}' can send {what} to '{route}' ({_told(judge.known(provider, model))}), {reasons}"
            )
            if others:
                said += "; another model of the list is asked"
            elif other is not None:
                said += f"; it is sent to {other} instead"
            way = () if name == ANY_CLASS else _class_way(flow, one, name)
            asks = others or other is not None or judge.demands_in_shadow
            fix = "name a provider that meets the demands, state its facts, or give it other data"
            yield Finding("provider", asked.path, one.node.id, route, way, said, fix, asks=asks, data_class=name)


def _demands(ruled: Said) -> dict[str, list[tuple[str, str]]]:
    """Return the demands that a provider does not meet, by class."""
    found: dict[str, list[tuple[str, str]]] = {}
    for rule, reason in ruled.denying:
        if is_demand(rule):
            found.setdefault(class_of(rule), []).append((rule, reason))
    return found


def _told(known: Known) -> str:
    """Return what is known of a provider, as people read it."""
    if known == NOTHING:
        return "of which nothing is known"
    parts = [
        f"in {' and '.join(known.regions)}" if known.regions is not None else "in an unknown region",
        "kept for an unknown time" if known.retention_days is None else f"kept for {known.retention_days} days",
        {None: "training is unknown", True: "trains on it", False: "no training"}[known.trains],
    ]
    return ", ".join(parts)


def _of_lists(one: NodeFlow, asked: _Asked, ground: Ground) -> Iterator[Finding]:
    """Yield classes that the lists of the check's caller do not let go to a provider."""
    node = one.node
    read: Label = one.context or one.args.whole
    classes = read.classes | ({node.policy.data_class} if node.policy.data_class else frozenset())
    for name in sorted(classes & ground.providers.keys()):
        allowed = ground.providers[name]
        for provider in dict.fromkeys(provider for provider, _ in asked.routes):
            if not asked.chosen and provider not in allowed:
                said = f"node '{node.id}' sends data of class '{name}' to '{provider}', which may not have it"
                fix = f"name one of {', '.join(sorted(allowed))}" if allowed else "let no model read this data"
                sources = [found.source for found in one.all_reads() if name in found.label.classes]
                way = (*sources[:1], node.id)
                yield Finding("provider", asked.path, node.id, provider, way, said, fix)


def _class_way(flow: Flow, one: NodeFlow, name: str) -> tuple[str, ...]:
    """Return the way of data of a class into a node, from where it comes in."""
    id_ = one.node.id
    for argument in one.reads:
        if argument != CHOICE and name in one.argument(argument).whole.classes:
            way = flow.class_way(id_, argument, name)
            return (*way[:-1], id_)
    for tool in one.tools:
        return (f"{id_}/{tool}", id_)
    return (id_,)
