"""Which arms of rollouts a run gets, when it is submitted.

1. A prompt that a workflow names by a label is in a rollout while a deployment of that label runs, and the label names
   the deployment's stable version. A label that somebody moved meanwhile wins.
2. The arm is a hash of the run's id, or of the value of an input (``assignment``): no table, so the same submission has
   the same arm wherever and however often it is made.
3. The spec of the run pins the version of its arm. Beside it is the other version: of a canary the stable one, which
   workers take after a rollback, and of a shadow the new one. So a run needs no look-up later.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

import orjson
from cachetools import LRUCache

from connectors.postgres.database import Database
from connectors.postgres.prompts import Prompts
from connectors.postgres.prompts.deployments import PromptDeployments
from schemas.prompts.refs import PromptRef, parse_prompt_ref
from schemas.records.rollouts.arms import RunArm
from schemas.rollouts.assignment import assigned
from schemas.rollouts.deployment import Deployment
from schemas.rollouts.plan import CANARY, STABLE
from schemas.spec.model import PinnedPrompt, ResolvedSpec
from schemas.spec.repin import repinned
from schemas.spec.text.document import resolved_bytes
from services.prompts.rollouts.running import RunningDeployments
from services.workflows.resolver import MAX_PLAN_BYTES

logger = logging.getLogger(__name__)

MAX_SPECS = 1_000
MAX_PROMPTS = 1_000
_DIGEST_CHARS = 32


class Versions(Protocol):
    """Where versions of prompts are, see ``connectors.postgres.prompts``."""

    async def find(self, org_id: str, refs: Sequence[PromptRef]) -> "Sequence[_Stored | None]":
        """Return the prompt that each reference names, ``None`` for a missing one. Raises ``Unavailable``."""
        ...


class _Stored(Protocol):
    @property
    def pinned(self) -> PinnedPrompt: ...


class Running(Protocol):
    """The deployments that run, see ``running``."""

    async def of(self, org_id: str) -> Sequence[Deployment]:
        """Return an organisation's deployments that run."""
        ...


@dataclass(frozen=True, slots=True)
class Armed:
    """The spec that a run gets, and its arms."""

    spec: ResolvedSpec
    arms: tuple[RunArm, ...] = ()


def arms_of(database: Database) -> "Arms":
    """Return what chooses the arms of runs, with all of its stores in one database."""
    return Arms(RunningDeployments(PromptDeployments(database)), Prompts(database))


class Arms:
    """Chooses the arms of runs."""

    def __init__(self, running: Running, prompts: Versions) -> None:
        self._running = running
        self._prompts = prompts
        self._labels: LRUCache[str, dict[tuple[str, str], int]] = LRUCache(MAX_SPECS)
        self._versions: LRUCache[tuple[str, str, int], PinnedPrompt] = LRUCache(MAX_PROMPTS)
        self._specs: LRUCache[tuple[str, str, tuple[tuple[str, int, int], ...]], ResolvedSpec] = LRUCache(MAX_SPECS)

    async def of(self, org_id: str, run_id: str, resolved: ResolvedSpec, inputs: Mapping[str, Any]) -> Armed:
        """Return what a submission gets: without a rollout the spec as it is. Raises ``Unavailable``."""
        labels = self._labels.get(resolved.hash)
        if labels is None:
            labels = self._labels[resolved.hash] = pinned_by_label(resolved)
        if not labels:
            return Armed(resolved)
        running = [one for one in await self._running.of(org_id) if _takes_part(one, labels)]
        arms = tuple(arm_of(one, run_id, inputs) for one in running)
        if not arms:
            return Armed(resolved)
        spec = await self.again(org_id, resolved, arms)
        if spec is None:
            return Armed(resolved)
        return Armed(spec, arms)

    async def again(self, org_id: str, resolved: ResolvedSpec, arms: Sequence[RunArm]) -> ResolvedSpec | None:
        """Return the spec with the versions of arms; ``None`` if one of them is gone, or it is too large with them."""
        key = (org_id, resolved.hash, tuple(sorted((arm.ref, arm.version, arm.other_version) for arm in arms)))
        if key not in self._specs:
            spec = await self._build(org_id, resolved, arms)
            if spec is None:
                return None
            self._specs[key] = spec
        return self._specs[key]

    async def _build(self, org_id: str, resolved: ResolvedSpec, arms: Sequence[RunArm]) -> ResolvedSpec | None:
        wanted = {(arm.prompt, version) for arm in arms for version in (arm.version, arm.other_version) if version}
        versions = await self._find(org_id, sorted(wanted))
        if len(versions) < len(wanted):
            return None

        def change(prompts: Mapping[str, PinnedPrompt]) -> dict[str, PinnedPrompt]:
            changed = dict(prompts)
            for arm in arms:
                if arm.ref in prompts:
                    changed[arm.ref] = versions[arm.prompt, arm.version]
                    if arm.other_version:
                        changed[arm.other_ref] = versions[arm.prompt, arm.other_version]
            return dict(sorted(changed.items()))

        spec = repinned(resolved, change)
        if len(resolved_bytes(spec)) > MAX_PLAN_BYTES:
            logger.warning(
                "workflow %s is too large with two versions of a prompt, so its runs have no part in the rollout",
                resolved.spec.name,
                extra={"action": "rollout_too_large"},
            )
            return None
        return spec

    async def _find(self, org_id: str, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], PinnedPrompt]:
        missing = [one for one in wanted if (org_id, *one) not in self._versions]
        if missing:
            found = await self._prompts.find(org_id, [PromptRef(name, version) for name, version in missing])
            for one, stored in zip(missing, found, strict=True):
                if stored is not None:
                    self._versions[org_id, *one] = stored.pinned
        return {one: self._versions[org_id, *one] for one in wanted if (org_id, *one) in self._versions}


def pinned_by_label(resolved: ResolvedSpec) -> dict[tuple[str, str], int]:
    """Return the version that each label names which a workflow, or one that it reaches, names its prompts by."""
    return dict(_labels((resolved, *resolved.children.values())))


def _labels(specs: Iterable[ResolvedSpec]) -> Iterator[tuple[tuple[str, str], int]]:
    for one in specs:
        for ref, prompt in one.prompts.items():
            if "@" in ref and (label := parse_prompt_ref(ref).label) is not None:
                yield (prompt.name, label), prompt.version


def _takes_part(one: Deployment, labels: Mapping[tuple[str, str], int]) -> bool:
    """Return whether a deployment gives arms: one that moves all runs at once moves the label, and needs none."""
    named = labels.get((one.prompt, one.environment))
    return one.plan.mode != "all" and named is not None and named == one.stable_version


def arm_of(one: Deployment, run_id: str, inputs: Mapping[str, Any]) -> RunArm:
    """Return the arm of a run in a deployment."""
    entity = entity_of(one, run_id, inputs) if one.plan.sticky else ""
    shadow = one.plan.mode == "shadow"
    arm = STABLE if shadow else assigned(one.plan.salt, entity or run_id, one.plan.ratio(one.step))
    other = one.canary_version if shadow else one.stable_version if arm == CANARY else 0
    return RunArm(
        prompt=one.prompt,
        environment=one.environment,
        deployment_id=one.id,
        arm=arm,
        version=one.version(arm),
        step=one.step,
        entity=entity,
        other_version=other,
        shadow=shadow,
    )


def entity_of(one: Deployment, run_id: str, inputs: Mapping[str, Any]) -> str:
    """Return what decides the arm: a digest of an input's value, as the value may be somebody's name.

    A run without the input is an entity of its own.
    """
    found: Any = inputs
    for name in one.entity.split(".")[1:]:
        found = found.get(name) if isinstance(found, Mapping) else None
    said = f"run:{run_id}".encode() if found is None else orjson.dumps(found, option=orjson.OPT_SORT_KEYS)
    return sha256(one.id.encode() + b"\0" + said).hexdigest()[:_DIGEST_CHARS]
