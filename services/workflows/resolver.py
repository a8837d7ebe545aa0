"""Resolves workflows for submission: checked, with their prompts and nested workflows pinned, cached in memory.

A version of a workflow or a prompt never changes, so a pinned plan is cached as long as there is room. The newest
version, and what a label names, may change at any time; these are queried again after ``NEWEST_FOR_S``, and at once in
the process that changes them. A prompt may be archived: see ``services.workflows.archived``.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cachetools import LRUCache, TTLCache

from connectors.aio.batching import SingleFlight
from connectors.postgres.prompts import Prompts
from connectors.postgres.workflows import Workflows
from schemas.errors import InvalidInput, NotFound, Problem, TooLarge, UnknownPrompt
from schemas.prompts.refs import parse_prompt_ref
from schemas.spec.check.workflow import NO_FAMILY, prompt_refs, resolve
from schemas.spec.inputs.decision_inputs import read_here
from schemas.spec.inputs.known_inputs import Arguments, any_arguments, known_inputs
from schemas.spec.inputs.required_inputs import needed_of
from schemas.spec.model import PinnedPrompt, ResolvedSpec, WorkflowSpec
from schemas.spec.nested import Family, family_problems
from schemas.spec.rules_version import rules_of
from schemas.spec.text.document import resolved_bytes
from services.workflows.archived import ArchivedPrompts
from services.workflows.nested import archived_prompts, load_family, pin_all_prompts

#: One query per workflow in this time is no load, and nobody waits longer for a version registered elsewhere.
NEWEST_FOR_S = 0.25
MAX_PLANS = 1_000
#: A plan travels in its run's first record, beside what is left of its inputs, and a record has at most 1 MiB.
MAX_PLAN_BYTES = 640 * 1024


@dataclass(frozen=True)
class Plan:
    """A workflow that can be submitted. ``required`` are the inputs that a run must provide, ``known`` those that it
    may provide; ``None`` if these may be any.

    ``rules_version`` is the number of the decision rules that its runs need, ``read_here`` the inputs that they read.
    ``prompts`` are the names of its prompts, those of the workflows that it runs included. ``flow`` is what its
    registration warned of where its data may go; plans of submissions have none.
    """

    version: int
    resolved: ResolvedSpec
    required: frozenset[str]
    rules_version: int
    read_here: frozenset[str] | None = frozenset()
    known: frozenset[str] | None = None
    prompts: frozenset[str] = frozenset()
    flow: tuple[Problem, ...] = ()


def make_plan(
    spec: WorkflowSpec,
    prompts: Mapping[str, PinnedPrompt],
    family: Family = NO_FAMILY,
    arguments: Arguments = any_arguments,
) -> Plan:
    """Return the plan of a checked workflow with its prompts and nested workflows. Raises ``TooLarge``.

    ``arguments`` knows what tools and functions take.
    """
    resolved = resolve(spec, prompts, family)
    return plan_of(spec, resolved, needed_of(resolved), arguments)


def plan_of(spec: WorkflowSpec, resolved: ResolvedSpec, required: frozenset[str], arguments: Arguments) -> Plan:
    """Return the plan of a workflow whose names are resolved already. Raises ``TooLarge``."""
    size = len(resolved_bytes(resolved))
    if size > MAX_PLAN_BYTES:
        raise TooLarge(
            f"workflow {spec.name} version {spec.version}, its prompts and the workflows that it runs have {size} "
            f"bytes, the limit is {MAX_PLAN_BYTES}: shorten templates or split the workflow"
        )
    return Plan(
        version=spec.version,
        resolved=resolved,
        required=required,
        rules_version=rules_of(spec, resolved.prompts.values()),
        read_here=read_here(spec.dag.nodes),
        known=known_inputs(resolved, arguments),
        prompts=frozenset(
            prompt.name for one in (resolved, *resolved.children.values()) for prompt in one.prompts.values()
        ),
    )


#: Their plan takes some milliseconds.
_FEW_NODES = 50


class WorkflowResolver:
    """Finds the plan of a submission."""

    def __init__(
        self,
        workflows: Workflows,
        prompts: Prompts,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        arguments: Arguments = any_arguments,
    ) -> None:
        self._workflows = workflows
        self._prompts = prompts
        self._archived = ArchivedPrompts(prompts, monotonic)
        self._arguments = arguments
        self._newest: TTLCache[tuple[str, str], int] = TTLCache(MAX_PLANS, NEWEST_FOR_S, monotonic)
        self._asking: SingleFlight[tuple[str, str], int] = SingleFlight()
        self._loading: SingleFlight[tuple[str, str, int], Plan] = SingleFlight()
        self._pinned: LRUCache[tuple[str, str, int], Plan] = LRUCache(MAX_PLANS)
        self._floating: TTLCache[tuple[str, str, int], Plan] = TTLCache(MAX_PLANS, NEWEST_FOR_S, monotonic)

    async def plan(self, org_id: str, name: str, version: int | None) -> Plan:
        """Return the plan of a version, of the newest without one.

        Raises ``NotFound``, ``UnknownPrompt`` when a prompt is missing or archived, ``InvalidInput`` when a nested
        workflow is no longer valid, ``TooLarge`` and ``Unavailable``.
        """
        if version is None:
            version = await self._newest_version(org_id, name)
        key = (org_id, name, version)
        plan = self._pinned.get(key) or self._floating.get(key)
        if plan is None:
            return await self._loading.do(key, lambda: self._load(org_id, name, key[2]))
        if plan.prompts and not plan.prompts.isdisjoint(gone := await self._archived.names(org_id)):
            raise UnknownPrompt(archived_prompts(name, version, plan.prompts & gone))
        return plan

    def forget(self, org_id: str) -> None:
        """Ask again what is newest in an organisation; called after something was registered here."""
        self._archived.forget(org_id)
        for name in [key for key in self._newest if key[0] == org_id]:
            self._newest.pop(name, None)
        for version in [key for key in self._floating if key[0] == org_id]:
            self._floating.pop(version, None)
        # What is being asked at this moment may be the answer of before: it is neither shared nor cached.
        self._asking, self._loading = SingleFlight(), SingleFlight()

    async def _newest_version(self, org_id: str, name: str) -> int:
        version = self._newest.get((org_id, name))
        if version is not None:
            return version
        return await self._asking.do((org_id, name), lambda: self._ask(org_id, name))

    async def _ask(self, org_id: str, name: str) -> int:
        asking = self._asking
        found = await self._workflows.latest(org_id, name)
        if found is None:
            raise NotFound(f"there is no workflow {name}; register it with POST /api/v1/workflows")
        if asking is self._asking:
            self._newest[(org_id, name)] = found
        return found

    async def _load(self, org_id: str, name: str, version: int) -> Plan:
        loading = self._loading
        stored = await self._workflows.get(org_id, name, version)
        spec = WorkflowSpec.model_validate(stored.spec)
        pinned = await pin_all_prompts(self._prompts, org_id, spec)
        family = await load_family(self._workflows, self._prompts, org_id, spec)
        if problems := tuple(family_problems(spec, family)):
            raise InvalidInput(f"workflow {name} version {version}: {'; '.join(map(str, problems))}", problems)
        if len(spec.dag.nodes) <= _FEW_NODES and not family.members:
            plan = make_plan(spec, pinned, family, self._arguments)
        else:
            # A thousand nodes take a second, in which no other request would be answered.
            plan = await asyncio.to_thread(make_plan, spec, pinned, family, self._arguments)
        if loading is self._loading:
            cache = self._floating if _floats(spec, family) else self._pinned
            cache[(org_id, name, version)] = plan
        return plan


def _floats(spec: WorkflowSpec, family: Family) -> bool:
    """Return true if the same document may soon mean a newer version."""
    specs = (spec, *(member.spec for member in family.members.values()))
    return bool(family.newest) or any(parse_prompt_ref(ref).floats for one in specs for ref in prompt_refs(one))
