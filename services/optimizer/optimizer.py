"""Suggestions for an organisation, applied and undone.

To apply makes a new version of the workflow, so that running runs keep theirs. The change is recorded first: after a
crash in between there is a record of a version that does not exist, which a repeat completes, and never a version that
nothing can undo.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from connectors.clickhouse.call_facts import CallFact
from connectors.postgres.money.optimizer_changes import AppliedChange, OptimizerChanges
from connectors.postgres.prompts import Prompts
from connectors.postgres.workflows import StoredWorkflow, Workflows
from schemas.batches import BATCH_PROVIDERS, BATCH_SERVED
from schemas.clock import now_ms
from schemas.errors import Conflict, NotFound, Rejected, StepError
from schemas.spec.loops import every_node
from schemas.spec.model import LlmNode, WorkflowSpec
from services.caching.policy import Ttls
from services.optimizer.changes import changed, undone
from services.optimizer.facts import Group, grouped
from services.optimizer.rules.hours import cheaper_hours
from services.optimizer.rules.max_tokens import Estimates, long_limits
from services.optimizer.rules.models import DAY_MS, Costs, cheaper_models, hour_of
from services.optimizer.rules.prompt_caches import kept_beginnings
from services.optimizer.rules.repeats import repeated_requests
from services.optimizer.saving import LEAST_CALLS, saving
from services.optimizer.suggestion import Suggestion, evidence
from services.routing.data_classes import matches
from services.routing.models import Model, Models
from services.workflows.nested import pin_prompts
from services.workflows.registration import Registrations

#: Versions of one workflow whose nodes are compared with the newest.
MAX_VERSIONS = 50


def calls_by_batch(group: Group, prices: Costs) -> Iterator[Suggestion]:
    """Yield the suggestion to send a node's calls by batch, unless its ``sla_ms`` is shorter than a day."""
    policy, place = group.node.policy, group.place
    paid = [call for call in group.calls if not call.cached and call.cost_nano]
    if policy.batch != "never" or policy.stream or place.provider not in BATCH_PROVIDERS or not paid:
        return
    if policy.sla_ms is not None and policy.sla_ms < DAY_MS:
        return
    try:
        each = [
            (
                call.run_id,
                call.cost_nano - prices.cost(place.provider, place.model, call.usage, hour_of(call), BATCH_SERVED),
            )
            for call in paid
        ]
    except StepError:
        return
    has_time = policy.sla_ms is not None
    yield Suggestion(
        kind="batch",
        place=place,
        title=f"send the calls of node {place.node_id} by batch",
        change={"policy": {"batch": "auto"}},
        saving=saving(each),
        cost_nano=group.cost_nano,
        risk="low" if has_time else "medium",
        because="the answers are the same and come within a day"
        + ("" if has_time else "; the node names no sla_ms, so see that nobody waits for them"),
        evidence=evidence(group, sla_ms=policy.sla_ms),
    )


class Prices(Costs, Estimates, Protocol):
    """What calls cost, and what they can cost at most."""


def suggest(groups: Iterable[Group], models: Sequence[Model], prices: Prices, ttls: Ttls) -> list[Suggestion]:
    """Return what pays, the largest saving first; each as if it were the only change.

    Fewer than ``LEAST_CALLS`` calls suggest nothing.
    """
    found = [
        one
        for group in groups
        if len(group.calls) >= LEAST_CALLS
        for one in _all_of(group, models, prices, ttls)
        if one.pays or one.freed_nano > 0
    ]
    return sorted(found, key=lambda one: (-one.saving.amount_nano, -one.freed_nano, one.id))


def _all_of(group: Group, models: Sequence[Model], prices: Prices, ttls: Ttls) -> Iterator[Suggestion]:
    yield from repeated_requests(group, ttls[group.node.policy.quality] * 1000)
    yield from cheaper_models(group, models, prices)
    yield from long_limits(group, prices)
    yield from cheaper_hours(group, prices)
    yield from calls_by_batch(group, prices)
    yield from kept_beginnings(group, prices)


class Facts(Protocol):
    """Where calls are read, see ``connectors.clickhouse.call_facts``."""

    async def since(self, org_id: str, from_ms: int, workflow: str = "") -> list[CallFact]:
        """Return answered calls since a time. Raises ``Unavailable``."""
        ...


class PricesOf(Protocol):
    """The prices of organisations, see ``services.prices.stored``."""

    async def of(self, org_id: str, at_ms: int) -> Prices:
        """Return an organisation's prices at a time. Raises ``Unavailable``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerPorts:
    """What the optimizer reads and writes. ``ttls`` are for how long cached answers serve."""

    facts: Facts
    workflows: Workflows
    prompts: Prompts
    registrations: Registrations
    changes: OptimizerChanges
    models: Models
    prices: PricesOf
    ttls: Ttls
    now: Callable[[], int] = now_ms


class Optimizer:
    """Makes, applies and undoes suggestions. Every method raises ``Unavailable``."""

    def __init__(self, ports: OptimizerPorts) -> None:
        self._ports = ports

    async def suggestions(self, org_id: str, days: int, workflow: str = "") -> list[Suggestion]:
        """Return what the calls of the last ``days`` suggest, the largest saving first."""
        ports = self._ports
        facts = await ports.facts.since(org_id, ports.now() - days * DAY_MS, workflow)
        nodes = await self._nodes(org_id, {(fact.workflow, fact.version) for fact in facts})
        models = _allowed(ports.models, org_id)
        prices = await ports.prices.of(org_id, ports.now())
        refs = {node.config.prompt_ref for node in nodes.values()}
        prompts = (await pin_prompts(ports.prompts, org_id, sorted(refs))).prompts
        # Counting takes a part of a second.
        return await asyncio.to_thread(lambda: suggest(grouped(facts, nodes, prompts), models, prices, ports.ttls))

    async def apply(self, org_id: str, suggestion_id: str, days: int) -> AppliedChange:
        """Make the version that a suggestion stands for.

        Raises ``NotFound`` when the facts of today do not suggest it, ``Conflict`` when no field of the node does what
        it says, or when the version was made meanwhile, and ``InvalidSpec``.
        """
        one = next((found for found in await self.suggestions(org_id, days) if found.id == suggestion_id), None)
        if one is None:
            raise NotFound(
                f"the calls of the last {days} days do not suggest {suggestion_id}; list the suggestions of that time"
            )
        if one.change is None:
            raise Conflict(f"no field of a workflow does this: {one.because}")
        newest = await self._ports.workflows.get(org_id, one.place.workflow)
        document = changed(newest.spec, one.place.node_id, one.change, newest.version + 1)
        done = AppliedChange(
            suggestion_id=suggestion_id,
            workflow=newest.name,
            node_id=one.place.node_id,
            kind=one.kind,
            change=one.change,
            from_version=newest.version,
            to_version=newest.version + 1,
        )
        await self._ports.changes.record(org_id, done)
        try:
            await self._store(org_id, document)
        except Rejected:
            await self._ports.changes.forget(org_id, done.workflow, done.to_version)
            raise
        return done

    async def undo(self, org_id: str, suggestion_id: str) -> AppliedChange:
        """Make the version before the change the newest again, by a new number.

        Raises ``NotFound`` for what was never applied, ``Conflict`` when a version was made after it.
        """
        done = await self._ports.changes.find(org_id, suggestion_id)
        if done is None:
            raise NotFound(f"suggestion {suggestion_id} was never applied")
        if done.undone_version is not None:
            return done
        before = await self._ports.workflows.get(org_id, done.workflow, done.from_version)
        newest = await self._ports.workflows.get(org_id, done.workflow)
        document = undone(before.spec, newest.version, done.to_version)
        await self._store(org_id, document)
        await self._ports.changes.undone(org_id, done.workflow, done.to_version, document["version"])
        found = await self._ports.changes.find(org_id, suggestion_id)
        return found or done

    async def applied(self, org_id: str) -> list[AppliedChange]:
        """Return the changes that were applied, the newest first."""
        return await self._ports.changes.all(org_id)

    async def _store(self, org_id: str, document: Mapping[str, Any]) -> None:
        draft = await self._ports.registrations.check(org_id, orjson.dumps(document).decode())
        await self._ports.registrations.store(org_id, draft)

    async def _nodes(self, org_id: str, versions: Collection[tuple[str, int]]) -> dict[tuple[str, int, str], LlmNode]:
        """Return each node's newest form for the versions in which it is the same."""
        same: dict[tuple[str, int, str], LlmNode] = {}
        for name in sorted({name for name, _ in versions}):
            numbers = sorted({version for one, version in versions if one == name}, reverse=True)[:MAX_VERSIONS]
            newest = await self._found(org_id, name)
            for number in numbers:
                older = newest if newest and newest.version == number else await self._found(org_id, name, number)
                if newest and older:
                    same |= {(name, number, node.id): node for node in _unchanged(newest, older)}
        return same

    async def _found(self, org_id: str, name: str, version: int | None = None) -> StoredWorkflow | None:
        try:
            return await self._ports.workflows.get(org_id, name, version)
        except NotFound:
            return None


def _unchanged(newest: StoredWorkflow, older: StoredWorkflow) -> list[LlmNode]:
    before = {node.id: node for node in _model_nodes(older)}
    return [node for node in _model_nodes(newest) if before.get(node.id) == node]


def _model_nodes(stored: StoredWorkflow) -> list[LlmNode]:
    spec = WorkflowSpec.model_validate(stored.spec)
    return [node for node in every_node(spec.dag.nodes) if isinstance(node, LlmNode)]


def _allowed(models: Models, org_id: str) -> list[Model]:
    patterns = models.allowed(org_id)
    return [one for one in models.all if matches(one.route, patterns)]
