"""The hash of a workflow as a run uses it: the document with its prompts and nested workflows, pinned."""

import json
from collections.abc import Mapping

from schemas.ids import content_hash
from schemas.spec.loops import every_node
from schemas.spec.model import AgentNode, LlmNode, PinnedPrompt, ResolvedSpec, WorkflowSpec
from schemas.spec.nested import MAX_DEPTH, Family, member_key, pinned_key, workflow_nodes
from schemas.spec.text.document import document_of

_NO_FAMILY = Family()


def resolve(spec: WorkflowSpec, prompts: Mapping[str, PinnedPrompt], family: Family = _NO_FAMILY) -> ResolvedSpec:
    """Pin a spec's prompts, given by ``prompt_ref`` as written, and the workflows that it reaches.

    Names that the spec does not use are dropped. ``family_problems`` must have found nothing.
    """
    done: dict[str, ResolvedSpec] = {}
    whole = _resolve(spec, prompts, family, done)
    return whole.model_copy(update={"children": {key: done[key] for key in sorted(done)}}) if done else whole


def _resolve(
    spec: WorkflowSpec, prompts: Mapping[str, PinnedPrompt], family: Family, done: dict[str, ResolvedSpec]
) -> ResolvedSpec:
    pins: dict[str, int] = {}
    hashes: dict[str, str] = {}
    for node in workflow_nodes(spec):
        config = node.config
        if config.version is None:
            pins[config.workflow] = family.newest[config.workflow]
        key = pinned_key(config, pins)
        if key not in done:
            member = family.members[key]
            done[key] = _resolve(member.spec, member.prompts, family, done)
        hashes[key] = done[key].hash
    named = {node.config.prompt_ref for node in every_node(spec.dag.nodes) if isinstance(node, LlmNode | AgentNode)}
    pinned = {ref: prompts[ref] for ref in sorted(named)}
    return ResolvedSpec(spec=spec, prompts=pinned, hash=spec_hash(spec, pinned, hashes), pins=pins)


def spec_hash(
    spec: WorkflowSpec, prompts: Mapping[str, PinnedPrompt], children: Mapping[str, str] | None = None
) -> str:
    """Return the SHA-256 of the canonical JSON (sorted keys, no spaces, UTF-8) of spec and prompts, without defaults.

    ``children`` are the hashes of the workflows that its nodes run, by ``name@version``; without any it is the hash of
    a workflow that runs none.
    """
    document = {
        "spec": document_of(spec),
        "prompts": {ref: prompt.model_dump(mode="json", exclude_defaults=True) for ref, prompt in prompts.items()},
    }
    if children:
        document["children"] = dict(children)
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return content_hash(canonical.encode())


def is_whole(resolved: ResolvedSpec) -> bool:
    """Return true if a resolved workflow and all of its children are complete and have the hashes that they state."""
    heights: dict[str, int] = {}
    try:
        return _height(resolved, resolved.children, heights) <= MAX_DEPTH
    except (KeyError, ValueError):
        return False


def _height(one: ResolvedSpec, children: Mapping[str, ResolvedSpec], heights: dict[str, int]) -> int:
    """Return the depth of nesting from here on.

    Raises ``KeyError`` and ``ValueError`` for an incomplete one.
    """
    below, hashes = 0, {}
    for node in workflow_nodes(one.spec):
        key = pinned_key(node.config, one.pins)
        child = children[key]
        if key not in heights:
            heights[key] = MAX_DEPTH  # a cycle is found as too deep
            heights[key] = _height(child, children, heights)
        below, hashes[key] = max(below, heights[key]), child.hash
        if member_key(child.spec.name, child.spec.version) != key:
            raise ValueError(key)
    if spec_hash(one.spec, one.prompts, hashes) != one.hash:
        raise ValueError(one.hash)
    return below + 1
