"""Live judges: once for each answer under kills, within their own money, and what they said among the other scores."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.postgres.history.runs import StoredRun, StoredStep
from connectors.postgres.live_scores import DueRun
from connectors.postgres.prompts.judgements import Judgement
from connectors.postgres.prompts.scoring import JudgePlan
from schemas.api_models.runs import SubmitRun
from schemas.errors import InvalidInput, SubmissionConflict, Unavailable
from schemas.ids import run_id
from schemas.labels.mapped import Labels
from schemas.prompts.evaluations import ScorerSpec
from schemas.records.run_events import Capture
from schemas.spec.model import PinnedPrompt, ResolvedSpec
from services.prompts.evaluations.scorers.llm_judge import JudgeOptions
from services.prompts.live.judging import (
    NODE,
    OVER_BUDGET,
    SOURCE,
    Judging,
    judge_document,
    judge_workflow,
)
from services.prompts.live.policy import check_live_scorers
from tests.support.live_scores import GREETS, ORG, RUN, Deaths, Killed, World, a_run, a_step
from topics.catalogue import ROUTE_OUTCOMES
from topics.codec import decode

JUDGE = ScorerSpec(kind="llm_judge", options={"rubric": "It is polite"})
CALL = "run_1:ask:2"
JUDGE_RUN = run_id(ORG, SOURCE, f"{CALL}:llm_judge")


class Court:
    """Judgements and submissions in memory; each is a step in which the process may die."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.held: dict[tuple[str, str], Judgement] = {}
        self.submitted: list[tuple[str, SubmitRun, Labels | None]] = []
        self.refuses: Exception | None = None

    async def hold(self, org_id: str, one: Judgement, day_nano: int) -> Judgement | None:
        self._world.deaths.pass_before()
        known = self.held.get((one.call, one.scorer))
        if known is None and sum(each.nano for each in self.held.values()) + one.nano > day_nano:
            return None
        found = self.held.setdefault((one.call, one.scorer), one)
        self._world.deaths.pass_after()
        return found

    async def of_judge(self, org_id: str, judge_run_id: str) -> Judgement | None:
        return next((one for one in self.held.values() if one.judge_run_id == judge_run_id), None)

    async def end(self, org_id: str, one: Judgement, cost_nano: int) -> None:
        self._world.deaths.pass_before()
        self.held[one.call, one.scorer] = replace(one, nano=cost_nano, has_ended=True)
        self._world.deaths.pass_after()

    async def waiting(self, org_id: str, run_id: str) -> frozenset[str]:
        return frozenset(one.call for one in self.held.values() if one.run_id == run_id and not one.has_ended)

    async def prepare(
        self, org_id: str, source: str, submission_id: str | None, body: SubmitRun, /, *, labels: Labels | None = None
    ) -> Any:
        if self.refuses is not None:
            raise self.refuses
        assert (source, submission_id) == (SOURCE, f"{CALL}:llm_judge")
        return (run_id(org_id, source, submission_id), body, labels)

    async def submit(self, record: Any, /) -> None:
        self._world.deaths.pass_before()
        self.submitted.append(record)
        self._world.deaths.pass_after()


class Judged(World):
    """A world in which a judge is asked, and whose run ends when ``replies`` is called."""

    def __init__(self, tmp_path: Path, *specs: ScorerSpec, day: int = 100, call: int = 10) -> None:
        plan = JudgePlan(workflow_version=7, day_nano=day, call_nano=call)
        super().__init__(tmp_path, *(specs or (GREETS, JUDGE)), judge=plan)
        self.court = Court(self)
        court: Any = self.court
        self.judging = Judging(court, court, self.objects)
        self.run = a_run(inputs={"name": "Ada"})
        self.spec = ResolvedSpec(
            spec=self.spec.spec,
            prompts={"greet@3": PinnedPrompt(name="greet", version=3, template="Greet {{name}}", hash="h")},
            hash="hash",
        )
        self.reply: tuple[StoredRun, list[StoredStep]] | None = None

    async def get(
        self, org_id: str, run_id: str, *, step_outputs: bool = False
    ) -> tuple[StoredRun, list[StoredStep]] | None:
        return self.reply if run_id == JUDGE_RUN else (self.run, self.steps)

    def replies(self, text: str, **run: Any) -> None:
        """Let the judge's run end with a reply."""
        step = a_step(step_id=NODE, node_id=NODE, output={"kind": "inline", "value": text})
        base = {"id": JUDGE_RUN, "workflow_name": judge_workflow("greet"), "cost_nano": 4}
        self.reply = a_run(**base | run), [step]
        self.due = [DueRun(ORG, JUDGE_RUN)]


def routed(world: World) -> list[float]:
    return [decode(ROUTE_OUTCOMES, one.value).score for one in world.sent if one.topic == ROUTE_OUTCOMES]


async def test_an_answer_is_judged_by_a_run_and_its_grade_is_a_score(tmp_path: Path) -> None:
    world = Judged(tmp_path)
    await world.work()
    ((judge, body, _),) = world.court.submitted
    assert (judge, body.workflow_name, body.workflow_version) == (JUDGE_RUN, "live-judge.greet", 7)
    assert (body.tags, str(body.budget_cents)) == ({"live_judge": CALL}, "0.000001")
    assert "It is polite" in body.inputs["question"]
    assert "Hi Ada" in body.inputs["question"]
    assert '"name":"Ada"' in body.inputs["question"].replace(" ", "")
    # What learns gets the whole score, and so waits for the judge.
    assert (world.scores(), routed(world), world.due) == ({"contains": 1.0}, [], [])
    world.replies('{"reason": "fine", "grade": 3}')
    await world.work()
    assert world.scores() == {"contains": 1.0, "llm_judge": 0.5}
    assert routed(world) == [0.75]
    assert world.court.held[CALL, "llm_judge"].nano == 4
    assert world.due == []


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 7))
async def test_a_death_between_two_steps_of_asking_leaves_one_run_of_the_judge(
    tmp_path: Path, at: int, after: bool
) -> None:
    world = Judged(tmp_path)
    world.deaths = Deaths(at, after=after)
    with pytest.raises(Killed):
        await world.work()
    world.deaths = Deaths()
    await world.work()
    world.due = [DueRun(ORG, RUN)]
    await world.work()
    assert {judge for judge, _, _ in world.court.submitted} == {JUDGE_RUN}
    assert len({body.inputs["question"] for _, body, _ in world.court.submitted}) == 1
    assert len(world.court.held) == 1


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 6))
async def test_a_death_between_two_steps_of_reading_leaves_one_grade(tmp_path: Path, at: int, after: bool) -> None:
    world = Judged(tmp_path)
    await world.work()
    world.replies('{"grade": 5}')
    world.deaths = Deaths(at, after=after)
    with pytest.raises(Killed):
        await world.work()
    world.deaths = Deaths()
    await world.work()
    assert world.scores() == {"contains": 1.0, "llm_judge": 1.0}
    assert set(routed(world)) == {1.0}
    assert (world.court.held[CALL, "llm_judge"].nano, world.due) == (4, [])


async def test_an_answer_beyond_the_judges_money_is_not_judged_and_says_so(tmp_path: Path) -> None:
    world = Judged(tmp_path, day=9, call=10)
    await world.work()
    assert world.court.submitted == []
    assert world.stored[CALL, "llm_judge"].note == OVER_BUDGET
    assert world.scores() == {"contains": 1.0, "llm_judge": None}
    # It is not asked later either: once is once.
    world.policies["greet"] = replace(
        world.policies["greet"], judge=JudgePlan(workflow_version=7, day_nano=100, call_nano=10)
    )
    world.due = [DueRun(ORG, RUN)]
    await world.work()
    assert world.court.submitted == []


async def test_a_judges_run_that_fails_is_a_scorer_that_failed(tmp_path: Path) -> None:
    world = Judged(tmp_path)
    await world.work()
    world.replies("", status="failed", error={"code": "budget_exceeded", "message": "there is no room"})
    await world.work()
    assert world.scores()["llm_judge"] is None
    assert "budget_exceeded" in world.stored[CALL, "llm_judge"].note
    assert routed(world) == []


async def test_a_reply_without_a_grade_is_a_scorer_that_failed(tmp_path: Path) -> None:
    world = Judged(tmp_path)
    await world.work()
    world.replies("very nice")
    await world.work()
    assert "no 'grade'" in world.stored[CALL, "llm_judge"].note


async def test_what_a_policy_refuses_is_not_judged_and_holds_no_money(tmp_path: Path) -> None:
    world = Judged(tmp_path)
    world.court.refuses = InvalidInput("inputs: they hold a card")
    await world.work()
    assert world.stored[CALL, "llm_judge"].note == "inputs: they hold a card"
    assert world.court.held[CALL, "llm_judge"].nano == 0


async def test_a_question_of_before_a_change_of_the_policy_is_the_one_that_is_asked(tmp_path: Path) -> None:
    world = Judged(tmp_path)
    world.court.refuses = SubmissionConflict("another body")
    await world.work()
    assert (CALL, "llm_judge") not in world.stored
    assert not world.court.held[CALL, "llm_judge"].has_ended


async def test_while_submissions_do_not_answer_the_run_stays_due(tmp_path: Path) -> None:
    world = Judged(tmp_path)
    world.court.refuses = Unavailable("kafka", "down")
    with pytest.raises(Unavailable):
        await world.work()
    assert world.due == [DueRun(ORG, RUN)]


@pytest.mark.parametrize("capture", ["redacted", "none"])
async def test_hidden_contents_are_shown_to_no_judge(tmp_path: Path, capture: Capture) -> None:
    world = Judged(tmp_path)
    await world.work(capture)
    assert world.court.submitted == []
    assert "CAPTURE" in world.stored[CALL, "llm_judge"].note


async def test_answers_of_judges_are_judged_by_nobody(tmp_path: Path) -> None:
    world = Judged(tmp_path)
    world.run = a_run(workflow_name=judge_workflow("greet"))
    await world.work()
    assert (world.stored, world.court.submitted) == ({}, [])


async def test_answers_of_a_person_are_shown_to_no_judge(tmp_path: Path) -> None:
    world = Judged(tmp_path)
    world.run = a_run(subject="sub_1", inputs={"name": "Ada"})
    await world.work()
    assert (world.stored, world.court.submitted) == ({}, [])


async def test_a_question_has_the_labels_of_all_that_stands_in_it(tmp_path: Path) -> None:
    world = Judged(tmp_path)
    world.run = a_run(inputs={"name": "Ada"}, security={"inputs": {"$": ["user"], "$.name": ["web", "class:pii"]}})
    output = {"kind": "inline", "value": "Hi Ada", "labels": {"$": ["user", "class:health"]}}
    world.steps = [a_step(output=output)]
    await world.work()
    ((_, _, labels),) = world.court.submitted
    assert labels is not None
    assert labels.recorded["$.question"] == ["web", "class:health", "class:pii"]


async def test_without_inputs_in_history_there_is_no_grade(tmp_path: Path) -> None:
    world = Judged(tmp_path)
    world.run = a_run(inputs={})
    await world.work()
    assert world.court.submitted == []
    assert world.stored[CALL, "llm_judge"].score is None


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        ([JUDGE, ScorerSpec(kind="llm_judge", name="two")], "is a second judge"),
        ([ScorerSpec(kind="llm_judge", options={"mode": "pair"})], "a live answer is alone"),
    ],
)
def test_a_policy_has_one_judge_of_single_answers(specs: Sequence[ScorerSpec], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        check_live_scorers(specs)


def test_a_judges_workflow_pins_its_model_and_asks_no_cache() -> None:
    node = judge_document("greet", JudgeOptions(provider="openai", model="m", max_tokens=9), 2)["dag"]["nodes"][0]
    assert node["config"] == {
        "prompt": "{{question}}",
        "cache": {"enabled": False},
        "max_tokens": 9,
        "provider": "openai",
        "model": "m",
    }
    assert len(judge_workflow("p" * 200)) <= 112
