"""Loads the workflows that a workflow reaches, as they are registered now."""

from collections.abc import Iterable
from dataclasses import dataclass

from connectors.postgres.prompts import Prompts
from connectors.postgres.workflows import StoredWorkflow, Workflows
from schemas.errors import NotFound, UnknownPrompt
from schemas.prompts.refs import parse_prompt_ref
from schemas.spec.check.workflow import prompt_refs
from schemas.spec.model import PinnedPrompt, WorkflowSpec
from schemas.spec.nested import MAX_MEMBERS, Family, Member, member_key, workflow_nodes


async def load_family(workflows: Workflows, prompts: Prompts, org_id: str, spec: WorkflowSpec) -> Family:
    """Return the workflows that a workflow reaches, without missing ones and without those beyond the limits.

    Raises ``UnknownPrompt`` when a prompt of one of them is missing, and ``Unavailable``.
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


@dataclass(frozen=True, slots=True)
class Pinned:
    """The prompts that references name now, by reference, without missing ones. ``archived`` are references too."""

    prompts: dict[str, PinnedPrompt]
    archived: frozenset[str] = frozenset()


async def pin_prompts(prompts: Prompts, org_id: str, refs: Iterable[str], project: str | None = None) -> Pinned:
    """Return the prompts that references name now; for a key of a ``project``, without those of other projects."""
    ordered = list(refs)
    if not ordered:
        return Pinned({})
    found = await prompts.find(org_id, [parse_prompt_ref(ref) for ref in ordered])
    there = {
        ref: one
        for ref, one in zip(ordered, found, strict=True)
        if one is not None and (project is None or one.project in (None, project))
    }
    archived = frozenset(ref for ref, one in there.items() if one.archived_ms is not None)
    return Pinned({ref: one.pinned for ref, one in there.items()}, archived)


async def pin_all_prompts(prompts: Prompts, org_id: str, spec: WorkflowSpec) -> dict[str, PinnedPrompt]:
    """Return the prompts of a registered workflow. Raises ``UnknownPrompt`` when one is missing or archived."""
    refs = prompt_refs(spec)
    found = await pin_prompts(prompts, org_id, refs)
    needs = f"workflow {spec.name} version {spec.version} needs prompts"
    if gone := refs - found.prompts.keys():
        raise UnknownPrompt(
            f"{needs} that no longer exist: {', '.join(sorted(gone))}; create them, or move the labels that they name"
        )
    if found.archived:
        raise UnknownPrompt(archived_prompts(spec.name, spec.version, found.archived))
    return found.prompts


def archived_prompts(workflow: str, version: int, refs: Iterable[str]) -> str:
    """Return what to say of a workflow whose prompts are archived."""
    return (
        f"workflow {workflow} version {version} needs prompts that are archived: {', '.join(sorted(refs))}; restore "
        "them, or register the workflow with others"
    )


async def _find(workflows: Workflows, org_id: str, name: str, version: int) -> StoredWorkflow | None:
    try:
        return await workflows.get(org_id, name, version)
    except NotFound:
        return None


async def _member(prompts: Prompts, org_id: str, stored: StoredWorkflow) -> Member:
    spec = WorkflowSpec.model_validate(stored.spec)
    return Member(spec, await pin_all_prompts(prompts, org_id, spec))
