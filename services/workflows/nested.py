"""Loads the workflows that a workflow reaches, as they are registered now."""

from collections.abc import Iterable

from connectors.postgres.prompts import Prompts
from connectors.postgres.workflows import StoredWorkflow, Workflows
from schemas.errors import InvalidInput, NotFound
from schemas.spec.check.workflow import prompt_refs
from schemas.spec.model import PinnedPrompt, WorkflowSpec
from schemas.spec.nested import MAX_MEMBERS, Family, Member, member_key, workflow_nodes


async def load_family(workflows: Workflows, prompts: Prompts, org_id: str, spec: WorkflowSpec) -> Family:
    """Return the workflows that a workflow reaches, without missing ones and without those beyond the limits.

    Raises ``InvalidInput`` when a prompt of one of them is missing, and ``Unavailable``.
    """
    members: dict[str, Member] = {}
    newest: dict[str, int] = {}
    waiting = [node.config for node in workflow_nodes(spec)]
    for config in waiting:
        name, version = config.workflow, config.version
        if version is None:
            version = newest.get(name) or await workflows.latest(org_id, name)
        if version is None or len(members) > MAX_MEMBERS:
            continue
        if config.version is None:
            newest[name] = version
        if member_key(name, version) in members:
            continue
        stored = await _find(workflows, org_id, name, version)
        if stored is not None:
            member = await _member(prompts, org_id, stored)
            members[member_key(name, version)] = member
            waiting += [node.config for node in workflow_nodes(member.spec)]
    return Family(members, newest)


async def pin_prompts(prompts: Prompts, org_id: str, refs: Iterable[str]) -> dict[str, PinnedPrompt]:
    """Return the prompts that references name now, without missing ones."""
    ordered = list(refs)
    if not ordered:
        return {}
    wanted = [(name, int(version) if version else None) for name, _, version in (r.partition("@") for r in ordered)]
    found = await prompts.find(org_id, wanted)
    return {
        ref: PinnedPrompt(name=p.name, version=p.version, template=p.template, hash=p.hash)
        for ref, p in zip(ordered, found, strict=True)
        if p is not None
    }


async def pin_all_prompts(prompts: Prompts, org_id: str, spec: WorkflowSpec) -> dict[str, PinnedPrompt]:
    """Return the prompts of a registered workflow. Raises ``InvalidInput`` when one is missing."""
    refs = prompt_refs(spec)
    pinned = await pin_prompts(prompts, org_id, refs)
    if gone := refs - pinned.keys():
        names = ", ".join(sorted(gone))
        raise InvalidInput(f"workflow {spec.name} version {spec.version} needs prompts that no longer exist: {names}")
    return pinned


async def _find(workflows: Workflows, org_id: str, name: str, version: int) -> StoredWorkflow | None:
    try:
        return await workflows.get(org_id, name, version)
    except NotFound:
        return None


async def _member(prompts: Prompts, org_id: str, stored: StoredWorkflow) -> Member:
    spec = WorkflowSpec.model_validate(stored.spec)
    return Member(spec, await pin_all_prompts(prompts, org_id, spec))
