"""What an evaluation teaches the routes of its prompt: the quality of the model that answered, for each answer.

An answer is an outcome of its attempt, as of a routed call, with its score in place of the model's listed quality. No
chance chose the route, so it counts for learning alone, and not for the judgement of other policies (``fallback``). The
table counts each attempt once, so a repeat changes nothing. With a weighted judge of pairs no answer has a score of its
own, and nothing is taught: such a score is relative to the other version.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from connectors.ports.engine import OutRecord
from connectors.postgres.evaluations import AnsweredStep, StoredEvaluation
from schemas.ids import call_id, child_step_id, request_id
from schemas.prompts.evaluations import Answers, Case, ScorerSpec
from schemas.records.routes import RouteOutcome
from services.prompts.evaluations.figures.gathered import gathered
from services.prompts.evaluations.workflow import repeats_of
from topics.catalogue import ROUTE_OUTCOMES
from topics.codec import encode

POLICY = "evaluation"


def lessons(
    org_id: str, one: StoredEvaluation, cases: Sequence[Case], answers: Answers, rows: Sequence[AnsweredStep]
) -> list[OutRecord]:
    """Return the records of a version's answers that have a score; ``rows`` are their steps."""
    specs, repeats = msgspec.convert(one.definition["scorers"], list[ScorerSpec]), repeats_of(one.definition)
    totals = gathered({case.id: case for case in cases}, answers, specs).totals
    scores = {
        (row.node_id, row.child_index): totals.get((cases[row.child_index].id, repeats[row.node_id])) for row in rows
    }
    return [OutRecord(ROUTE_OUTCOMES, r.group.encode(), encode(r)) for r in _outcomes(org_id, one, rows, scores)]


def _outcomes(
    org_id: str,
    one: StoredEvaluation,
    rows: Sequence[AnsweredStep],
    scores: Mapping[tuple[str, int], float | None],
) -> Iterator[RouteOutcome]:
    for row in rows:
        score = scores[row.node_id, row.child_index]
        if score is None or row.provider is None or row.model is None:
            continue
        step = child_step_id(row.node_id, row.child_index)
        attempt = request_id(one.run_id, step, row.attempt)
        common: dict[str, Any] = {"org_id": org_id, "prompt": one.prompt, "tier": one.definition["quality"]}
        yield RouteOutcome(
            **common,
            decision_id=attempt,
            run_id=one.run_id,
            step_id=step,
            call_id=call_id(attempt, 1),
            route=f"{row.provider}/{row.model}",
            propensity=1.0,
            outcome="ok",
            score=score,
            cost_nano=row.cost_nano,
            estimate_nano=row.cost_nano,
            latency_ms=float(row.latency_ms),
            policy=POLICY,
            models=POLICY,
            decided_at_ms=one.created_ms,
            fallback=True,
        )
