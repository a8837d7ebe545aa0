"""What a score that somebody gives counts for."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from connectors.postgres.history.runs import StoredRun, StoredStep
from schemas.errors import Conflict
from schemas.ids import request_id
from schemas.records.quality import AnswerScored
from schemas.records.rollouts.arms import RunArm
from schemas.records.rollouts.deployments import RunScored
from schemas.records.routes import RouteScored
from services.runs.answers.scores import PEOPLE, Answered, Score, Scored, counts_for, scored_records
from tests.support.runs import NO_FAMILY, function, llm, resolve, resolved
from tests.support.runs import spec as workflow

NOW_MS = 1_700_000_000_000
RUN = "0eecbc4e-72c4-58b6-83d2-e04ab6255896"
LEARNS: dict[str, Any] = {"quality": "bronze", "route": "learn"}
ARM = RunArm(
    prompt="ask", environment="production", deployment_id="dep_1", arm="canary", version=1, step=1, entity="ann"
)


def run(*arms: RunArm) -> StoredRun:
    found = [msgspec.to_builtins(arm) for arm in arms]
    empty = dict.fromkeys(StoredRun.__dataclass_fields__)
    known = {"id": RUN, "workflow_name": "flow", "rollouts": found, "tags": {}}
    return StoredRun(**empty | known)  # type: ignore[arg-type]


def step(**more: Any) -> StoredStep:
    empty = dict.fromkeys(StoredStep.__dataclass_fields__)
    known = {"step_id": "answer", "node_id": "answer", "attempt": 2, "model": "m", "cached": False}
    return StoredStep(**(empty | known | more))


def scored(
    *arms: RunArm, name: str = "", policy: dict[str, Any] | None = None, of: StoredStep | None = None
) -> list[Scored]:
    node = llm("answer", "ask@production") | ({} if policy is None else {"policy": policy})
    pinned = resolved(llm("answer")).prompts["ask@1"]
    spec = resolve(workflow(node), {"ask@production": pinned}, NO_FAMILY)
    return scored_records(Answered("acme", run(*arms), of or step(), 2, spec), Score("answer", 0.8, name), NOW_MS)


def test_a_score_counts_for_routes_rollout_and_series() -> None:
    records = scored(ARM, policy=LEARNS, name="kind/ness")
    assert counts_for(records) == ["routes", "rollout", "quality"]
    route, arm, series = records
    call = request_id(RUN, "answer", 2)
    assert isinstance(route, RouteScored)
    assert isinstance(arm, RunScored)
    assert isinstance(series, AnswerScored)
    assert (route.group, route.decision_id, route.name) == (
        "acme:ask:bronze",
        request_id(RUN, "answer", 2),
        "kind/ness",
    )
    assert (arm.rollout, arm.deployment_id, arm.run_id) == ("acme:ask:production", "dep_1", RUN)
    assert (arm.arm, arm.step, arm.entity, arm.score) == ("canary", 1, "ann", 0.8)
    assert (series.group, series.version, series.model, series.scorer) == ("acme:ask", 1, "m", "kind_ness")
    assert series.call == call


def test_without_a_name_it_is_peoples() -> None:
    [series] = scored()
    assert isinstance(series, AnswerScored)
    assert series.scorer == PEOPLE


def test_a_restarted_run_counts_as_the_run_that_was_exposed() -> None:
    arm, _ = scored(msgspec.structs.replace(ARM, run_id="first"))
    assert isinstance(arm, RunScored)
    assert arm.run_id == "first"


def test_arms_of_other_prompts_get_nothing() -> None:
    assert counts_for(scored(msgspec.structs.replace(ARM, prompt="other"))) == ["quality"]
    assert counts_for(scored(msgspec.structs.replace(ARM, environment="staging"))) == ["quality"]


def test_an_earlier_answer_is_in_no_series() -> None:
    cached = replace(step(), cached=True)
    assert counts_for(scored(ARM, of=cached)) == ["rollout"]
    with pytest.raises(Conflict, match="earlier call"):
        scored(of=cached)
    with pytest.raises(Conflict, match="earlier call"):
        scored(of=replace(step(), reused_from="run"))


def test_only_answers_of_models_are_scored() -> None:
    spec = resolved(function("answer"))
    with pytest.raises(Conflict, match="no answer of a model"):
        scored_records(Answered("acme", run(), step(), 1, spec), Score("answer", 1), NOW_MS)
    with pytest.raises(Conflict, match="no answer of a model"):
        scored_records(Answered("acme", run(), step(), 1, None), Score("answer", 1), NOW_MS)
