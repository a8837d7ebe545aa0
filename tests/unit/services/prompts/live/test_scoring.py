"""Live scores: what is scored, and that a process which dies between any two steps changes nothing."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.ports.engine import OutRecord
from connectors.postgres.history.runs import StoredStep
from connectors.postgres.live_scores import DueRun, LiveScore
from connectors.redis.shadow_answers import ShadowAnswer
from schemas.errors import Unavailable
from schemas.payload import inline
from schemas.prompts.evaluations import ScorerSpec
from schemas.records.rollouts.deployments import RunScored
from schemas.records.routes import RouteScored
from schemas.spec.model import PinnedPrompt
from services.prompts.evaluations.scorers.base import Mark
from services.prompts.evaluations.workflow import workflow_name
from services.prompts.live import scoring
from services.prompts.live.picked import total_of
from services.prompts.live.scoring import SHADOWS_WAIT_MS
from tests.support.live_scores import FAST, GREETS, ORG, RUN, Deaths, Killed, World, a_run, a_spec, a_step
from topics.catalogue import DEPLOYMENT_OUTCOMES, QUALITY_SCORES, ROUTE_OUTCOMES
from topics.codec import decode


def sent_score(record: OutRecord) -> RouteScored:
    found = decode(ROUTE_OUTCOMES, record.value or b"")
    assert isinstance(found, RouteScored)
    return found


async def test_an_answer_is_scored_stored_and_sent_to_its_routes(tmp_path: Path) -> None:
    world = World(tmp_path, GREETS, FAST)
    assert await world.work() == 1
    assert (world.due, world.scores()) == ([], {"contains": 1.0, "latency": 1.0})
    one = world.stored["run_1:ask:2", "contains"]
    assert (one.prompt, one.version, one.project, one.attempt) == ("greet", 3, "shop", 2)
    (sent,) = world.sent
    record = sent_score(sent)
    assert (sent.topic, record.decision_id, record.tier) == (ROUTE_OUTCOMES, "run_1:ask:2", "gold")
    assert (record.prompt, record.score, record.name, record.scored_at_ms) == ("greet", 1.0, "live", 7)
    assert world.counts == {"scored": 2}
    first, second = (decode(QUALITY_SCORES, record.value) for record in world.series)
    assert (first.prompt, first.version, first.workflow_name, first.model) == ("greet", 3, "flow", "m")
    assert (first.call, first.scorer, first.score, first.scored_at_ms) == ("run_1:ask:2", "contains", 1.0, 7)
    assert (second.scorer, second.group) == ("latency", "acme:greet")


STEPS = 4  # lease, add, append, settle


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, STEPS + 1))
async def test_a_death_between_two_steps_leaves_one_score_of_each_scorer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, after: bool
) -> None:
    given: list[float] = []

    async def another_each_time(*_: object) -> Mark:
        given.append(0.1 * (len(given) + 1))
        return Mark(score=given[-1])

    monkeypatch.setattr(scoring, "scorer_of", lambda *_: another_each_time)
    world = World(tmp_path)
    world.deaths = Deaths(at, after=after)
    with pytest.raises(Killed):
        await world.work()
    first = dict(world.stored)
    world.deaths = Deaths()
    await world.work()
    # History writes the run's last state again: it is due once more.
    world.due = [DueRun(ORG, RUN)]
    await world.work()
    assert len(world.stored) == 1
    assert first.items() <= world.stored.items()
    # Its score is that of the first who stored one, and every record that was sent is the same.
    (kept,) = world.stored.values()
    assert world.sent
    assert len({record.value for record in world.sent}) == 1
    assert sent_score(world.sent[0]).score == kept.score
    assert len({record.value for record in world.series}) == 1
    assert len(given) == (2 if at == 2 and not after else 1)
    assert world.due == []


async def test_what_another_process_stored_first_is_what_is_sent(tmp_path: Path) -> None:
    world = World(tmp_path)
    other = LiveScore(
        prompt="greet", version=3, call="run_1:ask:2", run_id=RUN, step_id="ask", attempt=2, scorer="contains",
        weight=1, score=0.25,
    )  # fmt: skip
    asked = []

    async def nothing_at_first(org_id: str, run_id: str) -> Sequence[LiveScore]:
        asked.append(run_id)
        if len(asked) == 1:
            await World.add(world, ORG, [other])
            return []
        return await World.of_run(world, org_id, run_id)

    world.of_run = nothing_at_first  # type: ignore[method-assign]
    await world.work()
    assert sent_score(world.sent[0]).score == 0.25


@pytest.mark.parametrize(
    "step",
    [
        a_step(cached=True),
        a_step(reused_from="run_0"),
        a_step(status="failed", output=None),
        a_step(children_total=3),
        a_step(node_id="other", step_id="other"),
    ],
    ids=["cached", "reused", "failed", "a map as a whole", "another node"],
)
async def test_what_is_no_answer_of_a_model_is_not_scored(tmp_path: Path, step: StoredStep) -> None:
    world = World(tmp_path)
    world.steps = [step]
    await world.work()
    assert (world.stored, world.sent, world.due) == ({}, [], [])


async def test_answers_of_evaluations_are_not_scored(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run = a_run(workflow_name=workflow_name("greet"))
    await world.work()
    assert world.stored == {}


@pytest.mark.parametrize("policy", [{"version": 2}, {"label": "production", "names": 4}])
async def test_answers_of_other_versions_are_not_scored(tmp_path: Path, policy: dict[str, Any]) -> None:
    world = World(tmp_path, **policy)
    await world.work()
    assert (world.stored, world.due) == ({}, [])


async def test_a_node_that_learns_no_routes_is_scored_for_its_series_alone(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.spec = a_spec(policy={})
    await world.work()
    assert (world.scores(), world.sent) == ({"contains": 1.0}, [])
    assert len(world.series) == 1


async def test_hidden_contents_are_counted_and_latency_is_scored_all_the_same(tmp_path: Path) -> None:
    world = World(tmp_path, GREETS, FAST)
    await world.work("redacted")
    assert world.scores() == {"contains": None, "latency": 1.0}
    assert "CAPTURE is redacted" in world.stored["run_1:ask:2", "contains"].note
    assert (world.counts, world.sent) == ({"hidden": 1, "scored": 1}, [])


async def test_a_stored_answer_is_read_and_one_that_is_gone_is_a_failure_with_a_note(tmp_path: Path) -> None:
    world = World(tmp_path)
    reference = await world.objects.put(ORG, b'"Hi from the store"')
    far = {"kind": "reference", "uri": reference.uri, "sha256": reference.sha256, "size": reference.size}
    world.steps = [a_step(output=far)]
    await world.work()
    assert world.scores() == {"contains": 1.0}
    gone = World(tmp_path / "empty")
    gone.steps = world.steps
    await gone.work()
    (one,) = gone.stored.values()
    assert (one.score, gone.counts, gone.sent) == (None, {"failed": 1}, [])
    assert one.note.startswith("no output: ")


async def test_a_scorer_that_fails_is_no_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path, ScorerSpec(kind="regex", options={"pattern": "("}), FAST)
    await world.work()
    assert world.scores() == {"regex": None, "latency": 1.0}
    assert (world.counts, world.sent, world.due) == ({"failed": 1, "scored": 1}, [], [])


async def test_a_run_that_cannot_be_read_holds_up_no_other(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.spec = a_spec().model_copy(update={"prompts": {}})
    await world.work()
    assert (world.due, world.counts) == ([], {"gone": 1})


async def test_some_runs_are_scored_at_the_same_time_and_a_failure_leaves_the_others_settled(tmp_path: Path) -> None:
    world, together = World(tmp_path), asyncio.Barrier(scoring.AT_ONCE)
    world.due = [DueRun(ORG, f"run_{number}") for number in range(scoring.AT_ONCE)]
    original = world.get

    async def get(org_id: str, run_id: str, *, step_outputs: bool = False) -> Any:
        async with asyncio.timeout(5):
            await together.wait()
        if run_id == "run_1":
            raise Unavailable("postgres", "no answer")
        return await original(org_id, run_id, step_outputs=step_outputs)

    world.get = get  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await world.work()
    assert [due.run_id for due in world.due] == ["run_1"]


@pytest.mark.parametrize(
    ("scores", "total"),
    [
        ([(1.0, 1.0), (0.0, 3.0)], 0.25),
        ([(None, 1.0), (1.0, 1.0)], None),
        ([(None, 0.0), (1.0, 1.0)], 1.0),
        ([(1.0, 0.0)], None),
    ],
)
def test_the_score_of_an_answer_is_the_weighted_mean(
    scores: list[tuple[float | None, float]], total: float | None
) -> None:
    base = LiveScore(
        prompt="p", version=1, call="c", run_id="r", step_id="s", attempt=1, scorer="x", weight=1, score=None
    )
    assert total_of([replace(base, score=score, weight=weight) for score, weight in scores]) == total


ARM = {"prompt": "greet", "environment": "production", "deployment_id": "d1", "arm": "canary", "version": 3, "step": 1}


async def test_a_scored_answer_of_a_rollout_tells_it_the_score(tmp_path: Path) -> None:
    world = World(tmp_path, label="production", names=1)
    world.spec = a_spec(ref="greet@production")
    world.run = replace(world.run, rollouts=[ARM | {"entity": "e", "run_id": "top"}])
    await world.work()
    [record] = [decode(one.topic, one.value) for one in world.sent if one.topic == DEPLOYMENT_OUTCOMES]
    assert isinstance(record, RunScored)
    assert (record.run_id, record.arm, record.step, record.entity, record.score) == ("top", "canary", 1, "e", 1.0)
    assert [one.key for one in world.sent if one.topic == DEPLOYMENT_OUTCOMES] == [b"acme:greet:production"]


async def test_a_scored_answer_without_a_rollout_of_its_prompt_tells_none(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run = replace(world.run, rollouts=[ARM])
    await world.work()
    assert world.scores() == {"contains": 1.0}
    assert DEPLOYMENT_OUTCOMES not in [one.topic for one in world.sent]


class Kept:
    """Answers of shadows, by attempt."""

    def __init__(self, *answers: ShadowAnswer) -> None:
        self.answers = dict(zip(["run_1:ask:1"], answers, strict=False))

    async def find(self, org_id: str, request_id: str) -> ShadowAnswer | None:
        return self.answers.get(request_id)


def shadow_world(tmp_path: Path, kept: Kept) -> World:
    world = World(tmp_path, label="production", names=3)
    world.spec = a_spec(ref="greet@production")
    other = PinnedPrompt(name="greet", version=4, template="Ho", hash="h4")
    world.spec = world.spec.model_copy(update={"prompts": world.spec.prompts | {"greet@4": other}})
    world.steps = [replace(world.steps[0], attempt=1)]
    shadow = {"arm": "stable", "version": 3, "other_version": 4, "shadow": True}
    world.run = replace(world.run, rollouts=[ARM | shadow], finished_ms=1_000)
    world.shadows = kept
    return world


async def test_a_shadow_is_scored_like_the_answer_that_was_shown(tmp_path: Path) -> None:
    answer = ShadowAnswer(output=inline("Ho there"), latency_ms=7, cost_nano=3)
    world = shadow_world(tmp_path, Kept(answer))
    await world.work()
    found = [decode(one.topic, one.value) for one in world.sent if one.topic == DEPLOYMENT_OUTCOMES]
    assert {one.arm: one.score for one in found} == {"stable": 1.0, "canary": 0.0}
    assert {one.version: one.score for one in world.stored.values()} == {3: 1.0, 4: 0.0}
    routes = [one for one in world.sent if one.topic == ROUTE_OUTCOMES]
    assert len(routes) == 1, "nobody chose the route of the shadow"
    assert [decode(QUALITY_SCORES, one.value).version for one in world.series] == [3], "it is no answer of production"
    assert world.due == []


async def test_a_run_stays_due_while_its_shadow_may_still_answer(tmp_path: Path) -> None:
    world = shadow_world(tmp_path, Kept())
    world.now_ms = 2_000
    await world.work()
    assert (world.sent, len(world.due)) == ([], 1)
    world.now_ms = 1_000 + SHADOWS_WAIT_MS
    await world.work()
    [one] = [decode(one.topic, one.value) for one in world.sent if one.topic == DEPLOYMENT_OUTCOMES]
    assert (one.arm, world.due) == ("stable", [])
