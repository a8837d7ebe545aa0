"""``route-outcomes`` (key: organisation:prompt:tier): what became of routes that were chosen, and scores of answers."""

from typing import Annotated, ClassVar

import msgspec

from schemas.records.base import Int64, Millis, NanoDollars, Record
from schemas.records.money import CallOutcome
from schemas.spec.policy import Tier
from schemas.tables.routes import group_key

#: A share, or a score: 0 to 1.
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class _OfChoice(Record, frozen=True, kw_only=True):
    """What both records say: which choice, by the id of the attempt that it was made for."""

    org_id: str
    prompt: str
    tier: Tier
    decision_id: str
    run_id: str
    step_id: str

    @property
    def group(self) -> str:
        """The arm group that learns from it, which is the record's key."""
        return group_key(self.org_id, self.prompt, self.tier)


class RouteOutcome(_OfChoice, frozen=True, kw_only=True, tag_field="type", tag="route.outcome"):
    """One routed choice and its outcome.

    ``score`` counts until somebody scores the answer: the model's quality, 0 of a call that failed at the provider.
    ``propensity`` is the probability that the route had, ``shares`` that of each candidate. ``estimate_nano`` is the
    bound before the call, ``ceiling_nano`` the wanted mean cost, 0 for none. ``policy`` and ``models`` are versions.
    ``terms`` are the parts of each candidate's score, in the order of their names: by them other policies are judged.
    ``fallback`` marks a try after, or beside, that of the route that was chosen: chance did not decide it.
    """

    type: ClassVar[str] = "route.outcome"
    call_id: str
    route: str
    propensity: Share
    shares: dict[str, Share] = {}
    terms: dict[str, list[float]] = {}
    outcome: CallOutcome
    score: Share
    cost_nano: NanoDollars = 0
    estimate_nano: NanoDollars = 0
    ceiling_nano: NanoDollars = 0
    latency_ms: float
    sla_ms: Int64 | None = None
    policy: str
    models: str
    learned_from: Int64 = 0
    decided_at_ms: Millis
    fallback: bool = False


class RouteScored(_OfChoice, frozen=True, kw_only=True, tag_field="type", tag="route.scored"):
    """Somebody scored the answer of a routed call, with 0 to 1. The last score of a choice counts."""

    type: ClassVar[str] = "route.scored"
    score: Share
    name: str = ""
    scored_at_ms: Millis


RouteEvent = RouteOutcome | RouteScored
