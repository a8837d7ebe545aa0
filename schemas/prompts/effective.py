"""The configuration of a node that calls a model: its own fields, else those of its prompt's version.

A field has no value of the node's own while it has its default, however it is written: documents are stored without
defaults, so ``max_tokens: 1024`` and nothing mean the same. ``provider`` and ``model`` go together: a node that fixes
either, or whose policy chooses its route, takes neither from the prompt.
"""

from collections.abc import Iterator
from typing import Any, overload

from schemas.prompts.form import PromptForm
from schemas.spec.model import AgentConfig, AgentNode, LlmConfig, LlmNode, PinnedPrompt

#: Fields of ``PromptParameters`` that a node has under the same name.
_PARAMETERS = ("max_tokens", "temperature", "top_p", "stop", "seed", "reasoning_effort")


@overload
def effective(node: LlmNode, prompt: PinnedPrompt | None) -> LlmConfig: ...


@overload
def effective(node: AgentNode, prompt: PinnedPrompt | None) -> AgentConfig: ...


@overload
def effective(node: LlmNode | AgentNode, prompt: PinnedPrompt | None) -> LlmConfig | AgentConfig: ...


def effective(node: LlmNode | AgentNode, prompt: PinnedPrompt | None) -> LlmConfig | AgentConfig:
    """Return a node's configuration with what its prompt's version adds; as it is without a prompt or a form.

    ``images`` are those of the node, then those of the messages, each once. ``system`` is the node's own text alone:
    system messages are rendered, and follow it.
    """
    config: LlmConfig | AgentConfig = node.config
    form = None if prompt is None else prompt.form
    if form is None:
        return config
    added = dict(_added(node, config, form))
    return config.model_copy(update=added) if added else config


def _added(node: LlmNode | AgentNode, config: LlmConfig, form: PromptForm) -> Iterator[tuple[str, Any]]:
    given = form.parameters
    for name in _PARAMETERS:
        value = getattr(given, name)
        if value not in (None, []) and getattr(config, name) == _default(name):
            yield name, value
    if config.provider is None and config.model is None and node.policy.route is None:
        yield from (("provider", given.provider), ("model", given.model))
    if config.output_schema is None and form.output_schema is not None:
        yield "output_schema", form.output_schema
    if form.repair:
        yield "repair", True
    images = list(dict.fromkeys([*config.images, *(name for message in form.messages for name in message.images)]))
    if images != config.images:
        yield "images", images
    if isinstance(config, AgentConfig) and not config.tools:
        yield "tools", form.tools


def _default(name: str) -> Any:
    return LlmConfig.model_fields[name].default
