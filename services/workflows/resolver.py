"""Workflows ready to run: checked, with their prompts and the workflows that they run pinned, kept in memory.

A version of a workflow or a prompt never changes, so what is pinned by number is kept as long as there is room. What
"the newest" means may change at any time; it is asked again after ``NEWEST_FOR_S``, and at once in the process that
registers a newer version.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.aio.batching import SingleFlight
from connectors.postgres.prompts import Prompts
from connectors.postgres.workflows import Workflows
from schemas.errors import InvalidInput, NotFound, TooLarge
from schemas.spec.check.workflow import NO_FAMILY, prompt_refs, resolve
from schemas.spec.decision_inputs import read_here
from schemas.spec.model import PinnedPrompt, ResolvedSpec, WorkflowSpec
from schemas.spec.nested import Family, family_problems
from schemas.spec.required_inputs import required_of
from schemas.spec.rules_version import semantics_of
from services.workflows.nested import load_family, pin_all_prompts

#: One look-up per workflow in this time is no load, and nobody waits longer for a version made elsewhere.
NEWEST_FOR_S = 0.25
MAX_PLANS = 1_000
_FOR_EVER = float("inf")
#: A plan travels in its run's first record, beside what is left of its inputs, and a record has at most 1 MiB.
MAX_PLAN_BYTES = 640 * 1024


@dataclass(frozen=True)
class Plan:
    """A workflow that can be submitted. ``required`` are the inputs that a run must bring.

    ``semantics`` is the number of the decision rules that its runs need, ``read_here`` the inputs that they read.
    """

    version: int
    resolved: ResolvedSpec
    required: frozenset[str]
    semantics: int
    read_here: frozenset[str] | None = frozenset()


def make_plan(spec: WorkflowSpec, prompts: Mapping[str, PinnedPrompt], family: Family = NO_FAMILY) -> Plan:
    """Return the plan of a checked workflow with the prompts, and the workflows, that it names. Raises ``TooLarge``."""
    resolved = resolve(spec, prompts, family)
    size = len(resolved.__pydantic_serializer__.to_json(resolved))
    if size > MAX_PLAN_BYTES:
        raise TooLarge(
            f"workflow {spec.name} version {spec.version}, its prompts and the workflows that it runs have {size} "
            f"bytes, the limit is {MAX_PLAN_BYTES}: shorten templates or split the workflow"
        )
    return Plan(spec.version, resolved, required_of(resolved), semantics_of(spec), read_here(spec.dag.nodes))


class WorkflowResolver:
    """Finds the plan of a submission."""

    def __init__(self, workflows: Workflows, prompts: Prompts, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._workflows = workflows
        self._prompts = prompts
        self._monotonic = monotonic
        self._newest: dict[tuple[str, str], tuple[float, int]] = {}
        self._asking: SingleFlight[tuple[str, str], int] = SingleFlight()
        self._loading: SingleFlight[tuple[str, str, int], Plan] = SingleFlight()
        self._plans: OrderedDict[tuple[str, str, int], tuple[float, Plan]] = OrderedDict()

    async def plan(self, org_id: str, name: str, version: int | None) -> Plan:
        """Return the plan of a version, of the newest without one.

        Raises ``NotFound``, ``InvalidInput`` when a prompt is gone or a workflow that it runs is not right any more,
        ``TooLarge`` and ``Unavailable``.
        """
        if version is None:
            version = await self._newest_version(org_id, name)
        key = (org_id, name, version)
        until, plan = self._plans.get(key, (0.0, None))
        if plan is None or until <= self._monotonic():
            return await self._loading.do(key, lambda: self._load(org_id, name, key[2]))
        self._plans.move_to_end(key)
        return plan

    def forget(self, org_id: str) -> None:
        """Ask again what is newest in an organisation; called after something was registered here."""
        self._newest = {key: found for key, found in self._newest.items() if key[0] != org_id}
        kept = ((k, found) for k, found in self._plans.items() if k[0] != org_id or found[0] == _FOR_EVER)
        self._plans = OrderedDict(kept)
        # What is being asked at this moment may be the answer of before: it is neither shared nor kept.
        self._asking, self._loading = SingleFlight(), SingleFlight()

    async def _newest_version(self, org_id: str, name: str) -> int:
        until, version = self._newest.get((org_id, name), (0.0, 0))
        if until > self._monotonic():
            return version
        return await self._asking.do((org_id, name), lambda: self._ask(org_id, name))

    async def _ask(self, org_id: str, name: str) -> int:
        newest = self._newest
        found = await self._workflows.latest(org_id, name)
        if found is None:
            raise NotFound(f"there is no workflow {name}; register it with POST /api/v1/workflows")
        if len(newest) >= MAX_PLANS:
            newest.clear()
        newest[(org_id, name)] = (self._monotonic() + NEWEST_FOR_S, found)
        return found

    async def _load(self, org_id: str, name: str, version: int) -> Plan:
        plans = self._plans
        stored = await self._workflows.get(org_id, name, version)
        spec = WorkflowSpec.model_validate(stored.spec)
        pinned = await pin_all_prompts(self._prompts, org_id, spec)
        family = await load_family(self._workflows, self._prompts, org_id, spec)
        if problems := tuple(family_problems(spec, family)):
            raise InvalidInput(f"workflow {name} version {version}: {'; '.join(map(str, problems))}", problems)
        plan = make_plan(spec, pinned, family)
        floating = _floats(spec, family)
        until = self._monotonic() + NEWEST_FOR_S if floating else _FOR_EVER
        plans[(org_id, name, version)] = (until, plan)
        if len(plans) > MAX_PLANS:
            plans.popitem(last=False)
        return plan


def _floats(spec: WorkflowSpec, family: Family) -> bool:
    """Return whether something newer may be meant by the same document soon."""
    specs = (spec, *(member.spec for member in family.members.values()))
    return bool(family.newest) or any("@" not in ref for one in specs for ref in prompt_refs(one))
