"""Validates the providers and models that nodes name, as far as can be known before a call is made.

A provider that does not exist is a problem, and so is a model that the default provider has not and another one has.
A fault that depends on workers or on their price files is a warning.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from connectors.prices.known import KnownModels
from connectors.providers.custom.registry import CUSTOM
from connectors.providers.names import DEFAULT_PROVIDER, PROVIDER_NAMES
from connectors.redis.worker_registry import Seen
from connectors.tools.builtin.images import ANALYZER
from schemas.errors import Problem
from schemas.prompts.effective import effective
from schemas.spec.check.shape import similar
from schemas.spec.loops import placed_nodes
from schemas.spec.model import AgentNode, LlmNode, Node, PinnedPrompt, ToolNode, WorkflowSpec
from schemas.spec.policy import Tier

Pinnings = Mapping[str, PinnedPrompt]
NO_PROMPTS: Pinnings = {}


@dataclass(frozen=True, slots=True)
class Pinned:
    """The provider and the model that a node fixes; ``tier`` decides the rest. ``path`` is their place."""

    path: str
    tier: Tier
    provider: str | None
    model: str | None


def route_problems(
    spec: WorkflowSpec, models: KnownModels, workers: Iterable[Seen] = (), prompts: Pinnings = NO_PROMPTS
) -> Iterator[Problem]:
    """Yield a problem for each provider that does not exist, and for each model that the default provider has not.

    Providers that workers have exist, whatever is known here. ``prompts`` are by ``prompt_ref`` as written.
    """
    known = PROVIDER_NAMES | CUSTOM.names() | models.added_providers() | _live_providers(workers)
    for pinned in pinned_routes(spec, prompts):
        if pinned.provider is not None and pinned.provider not in known:
            fix = f"{similar(pinned.provider, known)}; a provider of your own needs a price in PRICES_FILE"
            yield Problem(f"{pinned.path}.provider", f"there is no provider '{pinned.provider}'", fix)
        elif pinned.model is None:
            if pinned.provider not in (None, DEFAULT_PROVIDER):
                said = f"the provider '{pinned.provider}' is named without a model"
                yield Problem(f"{pinned.path}.provider", said, "add `model`")
        elif pinned.provider is None and not models.has(DEFAULT_PROVIDER, pinned.model):
            yield from _owned(pinned.path, pinned.model, models, known)


def route_warnings(
    spec: WorkflowSpec,
    models: KnownModels,
    workers: Collection[Seen],
    own: frozenset[str] = frozenset(),
    prompts: Pinnings = NO_PROMPTS,
) -> Iterator[Problem]:
    """Yield the reasons for which a node's calls will fail, unless workers or price files change.

    ``prompts`` are by ``prompt_ref`` as written, ``own`` the providers that the organisation has stored keys of.
    """
    has = _live_providers(workers)
    all_say = all(seen.said.providers is not None for seen in workers if seen.state == "live")
    for pinned in pinned_routes(spec, prompts):
        provider = pinned.provider or DEFAULT_PROVIDER
        if has and all_say and provider not in has | own:
            key = f"{provider.upper()}_API_KEY"
            fix = f"give the workers its key, such as {key}, or name one of {', '.join(sorted(has))}"
            yield Problem(f"{pinned.path}.provider", f"no live worker has the provider '{provider}'", fix)
        if pinned.model is not None and not models.has(provider, pinned.model):
            said = f"no price is known for the model '{pinned.model}' of '{provider}': calls fail with unpriced_model"
            yield Problem(f"{pinned.path}.model", said, _price_fix(provider, pinned.model, models))


def _live_providers(workers: Iterable[Seen]) -> frozenset[str]:
    live = (seen.said.providers for seen in workers if seen.state == "live")
    return frozenset[str]().union(*(names for names in live if names is not None))


def _price_fix(provider: str, model: str, models: KnownModels) -> str:
    owner = models.provider_of(model)
    nearest = similar(model, models.names(provider)) if owner is None else f"for {model} say `provider: {owner}`"
    return f"{nearest}; or add its price to PRICES_FILE"


def _owned(path: str, model: str, models: KnownModels, known: Collection[str]) -> Iterator[Problem]:
    """Yield the problem of a model that another provider has. One that nobody has may get a price."""
    owner = models.provider_of(model)
    if owner in known:
        said = f"'{model}' is a model of '{owner}', and without `provider` '{DEFAULT_PROVIDER}' is asked"
        yield Problem(f"{path}.model", said, f"for {model} say `provider: {owner}`")
    elif owner is not None:
        said = f"'{model}' is a model of '{owner}', which workers do not have, and '{DEFAULT_PROVIDER}' is asked"
        yield Problem(f"{path}.model", said, f"name the `provider` that serves it: {', '.join(sorted(known))}")


def pinned_routes(spec: WorkflowSpec, prompts: Pinnings = NO_PROMPTS) -> Iterator[Pinned]:
    """Yield what each node, or its prompt, fixes whose steps call a model. Queues are left out."""
    for place, node in placed_nodes(spec):
        path = f"{place}.config"
        if isinstance(node, LlmNode | AgentNode):
            # Workers of a queue may be anybody's, with providers of their own.
            if not (isinstance(node, LlmNode) and node.queue):
                config = effective(node, prompts.get(node.config.prompt_ref))
                yield Pinned(path, node.policy.quality, config.provider, config.model)
        elif (found := _of_analyzer(node)) is not None:
            yield Pinned(f"{path}.tool_config", node.policy.quality, *found)


def _of_analyzer(node: Node) -> tuple[str | None, str | None] | None:
    """Return provider and model of the one tool that calls a model, as they are written."""
    if not isinstance(node, ToolNode) or node.queue or node.config.tool_name != ANALYZER:
        return None
    provider, model = (node.config.tool_config.get(name) for name in ("provider", "model"))
    return (provider, model) if isinstance(model, str) and isinstance(provider, str | None) else None
