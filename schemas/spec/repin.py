"""A resolved workflow with other versions of its prompts: all hashes are those of the new whole."""

from collections.abc import Callable, Mapping

from schemas.spec.hash import spec_hash
from schemas.spec.model import PinnedPrompt, ResolvedSpec
from schemas.spec.nested import pinned_key, workflow_nodes

Change = Callable[[Mapping[str, PinnedPrompt]], dict[str, PinnedPrompt]]
"""Returns the prompts of one workflow by reference, given those that it has."""


def repinned(whole: ResolvedSpec, change: Change) -> ResolvedSpec:
    """Return a workflow whose prompts, and those of the workflows that it reaches, are changed.

    Raises ``KeyError`` for one that is not complete.
    """
    done: dict[str, ResolvedSpec] = {}

    def changed(one: ResolvedSpec) -> ResolvedSpec:
        hashes: dict[str, str] = {}
        for node in workflow_nodes(one.spec):
            key = pinned_key(node.config, one.pins)
            if key not in done:
                done[key] = changed(whole.children[key])
            hashes[key] = done[key].hash
        prompts = change(one.prompts)
        return one.model_copy(update={"prompts": prompts, "hash": spec_hash(one.spec, prompts, hashes)})

    top = changed(whole)
    return top.model_copy(update={"children": {key: done[key] for key in sorted(done)}}) if done else top
