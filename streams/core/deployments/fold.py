"""The fold of ``deployment-outcomes``: does a prompt's new version stay, or does the stable one return?

    record       unknown run                    waiting run                    counted run, or deployment over
    assigned     a new exposure                 ignore: a repeat               ignore
    outcome      a new exposure with it         keep the first                 ignore: late or a repeat
    scored       ignore: nothing to score       keep the first                 ignore: late or a repeat

    state        look at the data                               by hand
    running      rolled_back, stopped, promoted, next step      next step, promoted, rolled_back, stopped
    over         nothing                                        promoted, rolled_back, stopped; or another start

1. A run counts once, whatever came twice. Its number is the order of its first record.
2. Outcomes and scores are counted in the order of these numbers (``exposures``), and after each one the data are looked
   at (``looks``). So what is decided, and after which exposure, follows from the log alone.
3. Records of another deployment than the one that runs, or ran last, change nothing.
4. A decision is emitted with its numbers, and as a CloudEvent; ``number`` tells its repeats. A restored table emits the
   newest one again.
"""

from typing import Any, Literal

from msgspec import structs

from schemas.errors import BadRecord
from schemas.metrics import DEPLOYMENT_RECORDS_TOTAL
from schemas.records.rollouts.deployments import (
    DeploymentEvent,
    DeploymentStarted,
    DeploymentStepped,
    RunAssigned,
    RunOutcome,
    RunScored,
)
from schemas.rollouts.looks import look
from schemas.rollouts.plan import CANARY, Metric
from schemas.tables import deployments as entries
from schemas.tables.deployments import (
    DECIDED,
    EXPOSURE,
    HEAD,
    ROLLOUT_PREFIX,
    Exposure,
    Head,
    Pending,
    exposure_entity,
    pending_field,
    rollout_entity,
    unit_entity,
)
from schemas.tables.entry import BEGUN
from streams.core.commands import Command, Count, Emit, ExpireAt
from streams.core.deployments import control
from streams.core.deployments.changes import DeploymentChanges
from streams.core.deployments.events import event_of
from streams.core.deployments.exposures import (
    bucket_of,
    log_cost,
    log_latency,
    next_outcome,
    next_score,
    with_unit,
)
from streams.core.flat_fold import FlatFold
from streams.core.org_ids import check_org_id
from streams.core.state import State

#: How long after a deployment's longest time a run, and an entity, are still recognised.
_AFTER_MS = 7 * 86_400_000
_OUTCOME_METRICS: tuple[Metric, ...] = ("errors", "cost", "latency")

Effect = Literal["assigned", "outcome", "scored", "repeated", "late", "other", "control"]
RunEvent = RunAssigned | RunOutcome | RunScored


class DeploymentsFold(FlatFold[DeploymentEvent]):
    """The rules of the table ``deployments``; see ``streams.core.state.Fold``."""

    def touches(self, event: DeploymentEvent) -> tuple[str, ...]:
        """Return the rollout, the run, and the entity that decided its arm."""
        rollout = rollout_entity(event.rollout)
        if not isinstance(event, RunEvent):
            return (rollout,)
        run = exposure_entity(event.rollout, event.run_id)
        if not event.entity:
            return rollout, run
        return rollout, run, unit_entity(event.rollout, event.deployment_id, event.entity)

    def fold(self, state: State, event: DeploymentEvent, now_ms: int, offset: int) -> list[Command]:
        """Apply one record.

        Raises ``BadRecord`` for a name that may be another rollout's, and for a step, a plan or an entity that the
        deployment cannot have.
        """
        check_org_id(event.org_id)
        if ":" in event.prompt or ":" in event.environment:
            raise BadRecord("prompt", "a ':' in the prompt or the environment may name another rollout; leave it out")
        if isinstance(event, DeploymentStarted):
            return [*control.start(state, event, now_ms), _count("control")]
        head = state.get(rollout_entity(event.rollout), HEAD)
        if head is None or head.deployment_id != event.deployment_id:
            return [_count("other")]
        changes = DeploymentChanges(state, event, head, now_ms)
        if isinstance(event, RunEvent):
            return _of_run(changes, event)
        if isinstance(event, DeploymentStepped):
            control.step(changes, event)
        else:
            control.override(changes, event)
        return [*changes.done(), _count("control")]

    def outstanding(self, state: State, entity: str, now_ms: int) -> list[Command]:
        """Return a rollout's newest decision: who reads it tells repeats by its number."""
        decided = state.get(entity, DECIDED) if entity.startswith(ROLLOUT_PREFIX) else None
        return [] if decided is None else [Emit(decided), Emit(event_of(decided))]

    def encode(self, entity: str, field: str, value: object) -> bytes:
        """Return an entry's stored bytes."""
        return entries.encode(value)

    def decode(self, entity: str, field: str, data: bytes) -> Any:
        """Return what ``encode`` was given."""
        return entries.decode(field, data)


def _of_run(changes: DeploymentChanges, event: RunEvent) -> list[Command]:
    if changes.head.status != "running":
        return [_count("late")]
    _check(changes.head, event)
    known = changes.state.get(exposure_entity(event.rollout, event.run_id), EXPOSURE)
    known = known if known is not None and known.deployment_id == event.deployment_id else None
    number = None if known is None else known.numbers.get(event.arm)
    commands: list[Command] = []
    if number is None:
        if isinstance(event, RunScored) or (known is not None and changes.head.plan.mode != "shadow"):
            return [_count("repeated" if known else "late")]
        number = changes.head.next
        commands = _expose(changes, event, known)
    effect: Effect = "assigned" if commands else "repeated"
    if not isinstance(event, RunAssigned):
        effect = _note(changes, event, number)
    _advance(changes)
    return [*commands, *changes.done(), _count(effect)]


def _check(head: Head, event: RunEvent) -> None:
    if event.step >= len(head.plan.steps):
        raise BadRecord("step", f"the plan has {len(head.plan.steps)} steps; the record says step {event.step}")
    if head.plan.sticky and not event.entity:
        raise BadRecord("entity", "the plan assigns by entity; the record must say which one it was")


def _expose(changes: DeploymentChanges, event: RunAssigned | RunOutcome, known: Exposure | None) -> list[Command]:
    """Give a run its number, and count its unit where that is new."""
    head, canary = changes.head, event.arm == CANARY
    entity, run = changes.entity, exposure_entity(event.rollout, event.run_id)
    number, until = head.next, changes.now_ms + head.plan.most_ms + _AFTER_MS
    bucket = bucket_of(event.entity) if head.plan.sticky else -1
    changes.state.put(entity, pending_field(number), Pending(canary, event.step, changes.now_ms, bucket))
    if known is None:
        changes.state.put(run, BEGUN, 1)
    numbers = {} if known is None else known.numbers
    changes.state.put(run, EXPOSURE, Exposure(event.deployment_id, numbers | {event.arm: number}))
    changes.head = structs.replace(head, next=number + 1)
    commands: list[Command] = [ExpireAt(run, until)]
    if head.plan.sticky:
        unit = unit_entity(event.rollout, event.deployment_id, event.entity)
        if changes.state.get(unit, BEGUN) is not None:
            return commands
        changes.state.put(unit, BEGUN, 1)
        commands.append(ExpireAt(unit, until))
    if head.plan.mode != "shadow":
        changes.head = with_unit(changes.head, event.step, canary)
    return commands


def _note(changes: DeploymentChanges, event: RunOutcome | RunScored, number: int) -> Effect:
    """Keep what came for a waiting exposure, unless it has it already."""
    field = pending_field(number)
    one = changes.state.get(changes.entity, field)
    if one is None:
        return "late"
    noted = _with_outcome(one, event) if isinstance(event, RunOutcome) else one
    if event.score is not None and one.score is None:
        noted = structs.replace(noted, score=event.score)
    if noted == one:
        return "repeated"
    changes.state.put(changes.entity, field, noted)
    return "outcome" if isinstance(event, RunOutcome) else "scored"


def _with_outcome(one: Pending, event: RunOutcome) -> Pending:
    if one.ok is not None:
        return one
    cost, latency = log_cost(event.cost_nano), log_latency(event.latency_ms)
    return structs.replace(one, ok=event.ok, cost=cost, latency=latency)


def _advance(changes: DeploymentChanges) -> None:
    """Count all that can be counted, at most one outcome and one score at a time, with a look after each such pair."""
    while changes.head.status == "running":
        before = changes.head
        counted = next_outcome(changes.state, changes.entity, before, changes.now_ms)
        if counted is not None:
            changes.head = counted
            changes.changed(*_OUTCOME_METRICS)
        scored = next_score(changes.state, changes.entity, changes.head, changes.now_ms)
        if scored is not None:
            changes.head = scored
            changes.changed("score")
        if changes.head is before:
            break
        _look(changes)


def _look(changes: DeploymentChanges) -> None:
    verdict = look(changes.head, changes.differences(), changes.now_ms)
    if verdict is not None:
        changes.decide(verdict)


def _count(effect: Effect) -> Count:
    return Count(DEPLOYMENT_RECORDS_TOTAL, (("effect", effect),))
