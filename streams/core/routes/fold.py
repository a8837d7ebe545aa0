"""The fold of ``route-outcomes``: what each route of an arm group was worth, each choice counted once.

    remembered      outcome comes                    score comes
    nothing         learn, with its own score        keep it until the outcome comes
    early score     learn, with that score           keep the newer one
    learned         ignore: a repeat                 count the difference, as old as the outcome is

A choice is remembered for ``DECISION_HORIZON_MS`` from its outcome; a score that comes later changes nothing. So the
state follows from the log alone, and a restored table decides as the lost one would have.
"""

from typing import Any, Literal

from msgspec import structs

from schemas.errors import BadRecord
from schemas.metrics import ROUTE_OUTCOMES_TOTAL
from schemas.records.routes import RouteEvent, RouteOutcome, RouteScored
from schemas.tables import routes as entries
from schemas.tables.entry import BEGUN
from schemas.tables.routes import (
    DECISION,
    EARLY,
    LEARNED,
    NOTHING,
    Decision,
    Learned,
    arms_entity,
    decision_entity,
)
from streams.core.commands import Command, Count, ExpireAt
from streams.core.flat_fold import FlatFold
from streams.core.org_ids import check_org_id
from streams.core.routes.learning import Observed, learned_with, rescored
from streams.core.state import State

#: How late a score may come, and a repeat of an outcome still be recognised. People score within days.
DECISION_HORIZON_MS = 14 * 86_400_000

#: An answer that takes longer than twice its target is as late as can be.
_LATE_MOST = 1.0

Effect = Literal["learned", "repeated", "rescored", "early"]


class RoutesFold(FlatFold[RouteEvent]):
    """The rules of the table ``routes``; see ``streams.core.state.Fold``."""

    def touches(self, event: RouteEvent) -> tuple[str, ...]:
        """Return the arm group and the choice."""
        return arms_entity(event.group), decision_entity(event.decision_id)

    def fold(self, state: State, event: RouteEvent, now_ms: int, offset: int) -> list[Command]:
        """Apply an outcome or a score.

        Raises ``BadRecord`` for an organisation id that may name another arm group, and for a choice of another one.
        """
        check_org_id(event.org_id)
        known = state.get(decision_entity(event.decision_id), DECISION)
        if known is not None and known.group != event.group:
            raise BadRecord(
                "group", f"choice {event.decision_id} was made in {known.group}, and the record says {event.group}"
            )
        if isinstance(event, RouteOutcome):
            return [_count("repeated")] if known is not None else _learn(state, event, now_ms)
        return _keep_early(state, event, now_ms) if known is None else _rescore(state, event, known)

    def outstanding(self, state: State, entity: str, now_ms: int) -> list[Command]:
        """Return nothing: nobody waits for what was learned."""
        return []

    def encode(self, entity: str, field: str, value: Learned | Decision | float) -> bytes:
        """Return an entry's stored bytes."""
        return entries.encode(value)

    def decode(self, entity: str, field: str, data: bytes) -> Any:
        """Return what ``encode`` was given."""
        return entries.decode(field, data)


def _learn(state: State, event: RouteOutcome, now_ms: int) -> list[Command]:
    entity, arms = decision_entity(event.decision_id), arms_entity(event.group)
    early = state.get(entity, EARLY)
    score = event.score if early is None else early
    learned = learned_with(state.get(arms, LEARNED) or NOTHING, _observed(event, score))
    state.put(arms, LEARNED, learned)
    if early is None:
        state.put(entity, BEGUN, 1)
    state.put(entity, DECISION, Decision(event.group, event.route, score, learned.count))
    return [ExpireAt(entity, now_ms + DECISION_HORIZON_MS), _count("learned")]


def _observed(event: RouteOutcome, score: float) -> Observed:
    late = 0.0 if event.sla_ms is None or event.sla_ms <= 0 else max(0.0, event.latency_ms / event.sla_ms - 1)
    return Observed(
        route=event.route,
        score=score,
        cost_nano=event.cost_nano,
        estimate_nano=event.estimate_nano,
        latency_ms=event.latency_ms,
        late=min(_LATE_MOST, late),
        failed=event.outcome != "ok",
        ceiling_nano=event.ceiling_nano,
    )


def _keep_early(state: State, event: RouteScored, now_ms: int) -> list[Command]:
    entity = decision_entity(event.decision_id)
    if state.get(entity, EARLY) is None:
        state.put(entity, BEGUN, 1)
    state.put(entity, EARLY, event.score)
    return [ExpireAt(entity, now_ms + DECISION_HORIZON_MS), _count("early")]


def _rescore(state: State, event: RouteScored, known: Decision) -> list[Command]:
    arms = arms_entity(event.group)
    before = state.get(arms, LEARNED) or NOTHING
    state.put(arms, LEARNED, rescored(before, known.route, known.number, known.score, event.score))
    state.put(decision_entity(event.decision_id), DECISION, structs.replace(known, score=event.score))
    return [_count("rescored")]


def _count(effect: Effect) -> Count:
    return Count(ROUTE_OUTCOMES_TOTAL, (("effect", effect),))
