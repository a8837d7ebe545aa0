"""Live scores: what is scored, and that a process which dies between any two steps changes nothing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.objects.store import LocalObjects
from connectors.ports.engine import OutRecord
from connectors.postgres.history.runs import StoredRun, StoredStep
from connectors.postgres.live_scores import DueRun, LiveScore
from connectors.postgres.prompts.scoring import ScoringPolicy
from schemas.prompts.evaluations import ScorerSpec
from schemas.records.routes import RouteScored
from schemas.records.run_events import Capture
from schemas.spec.model import PinnedPrompt, ResolvedSpec, WorkflowSpec
from services.prompts.evaluations.scorers.base import Mark
from services.prompts.evaluations.workflow import workflow_name
from services.prompts.live import scoring
from services.prompts.live.scoring import LivePorts, LiveScoring, total_of
from topics.catalogue import ROUTE_OUTCOMES
from topics.codec import decode

ORG, RUN = "acme", "run_1"
GREETS = ScorerSpec(kind="contains", options={"values": ["Hi"]})
FAST = ScorerSpec(kind="latency", options={"limit_ms": 100}, weight=3)


class Killed(BaseException):
    """The process dies here."""


class Deaths:
    """Lets the process die before or after its step of a number; without one never."""

    def __init__(self, at: int | None = None, *, after: bool = False) -> None:
        self.at, self.after, self.step = at, after, 0

    def pass_before(self) -> None:
        self.step += 1
        if self.step == self.at and not self.after:
            raise Killed

    def pass_after(self) -> None:
        if self.step == self.at and self.after:
            raise Killed


class World:
    """Stores and a log in memory, which outlive processes. A lease of a dead process is over at once."""

    def __init__(self, tmp_path: Path, *specs: ScorerSpec, **policy: Any) -> None:
        self.deaths = Deaths()
        self.due = [DueRun(ORG, RUN)]
        self.stored: dict[tuple[str, str], LiveScore] = {}
        self.sent: list[OutRecord] = []
        self.counts: Counter[str] = Counter()
        self.policies = {"greet": ScoringPolicy(name="greet", sample=1, scorers=list(specs or (GREETS,)), **policy)}
        self.run, self.steps, self.spec = a_run(), [a_step()], a_spec()
        self.objects = LocalObjects(tmp_path)

    async def lease(self, lease_s: float, limit: int) -> Sequence[DueRun]:
        self.deaths.pass_before()
        found = self.due[:limit]
        self.deaths.pass_after()
        return found

    async def add(self, org_id: str, scores: Sequence[LiveScore]) -> None:
        self.deaths.pass_before()
        for one in scores:
            self.stored.setdefault((one.call, one.scorer), replace(one, scored_ms=7))
        self.deaths.pass_after()

    async def of_run(self, org_id: str, run_id: str) -> Sequence[LiveScore]:
        return [one for one in self.stored.values() if one.run_id == run_id]

    async def settle(self, due: DueRun) -> None:
        self.deaths.pass_before()
        self.due.remove(due)
        self.deaths.pass_after()

    async def append(self, records: Sequence[OutRecord]) -> None:
        self.deaths.pass_before()
        self.sent += records
        self.deaths.pass_after()

    async def of_org(self, org_id: str) -> dict[str, ScoringPolicy]:
        return self.policies

    async def get(
        self, org_id: str, run_id: str, *, step_outputs: bool = False
    ) -> tuple[StoredRun, list[StoredStep]] | None:
        return self.run, self.steps

    async def of(self, org_id: str, run: StoredRun) -> ResolvedSpec | None:
        return self.spec

    def count(self, outcome: str) -> None:
        self.counts[outcome] += 1

    async def work(self, capture: Capture = "full") -> int:
        """Work as a process that starts now."""
        ports = LivePorts(
            policies=self,
            store=self,
            history=self,
            definitions=self,
            objects=self.objects,
            appender=self,
            count=self.count,
            capture=capture,
        )
        return await LiveScoring(ports).work()

    def scores(self) -> dict[str, float | None]:
        return {one.scorer: one.score for one in self.stored.values()}


def a_run(**fields: Any) -> StoredRun:
    base: dict[str, Any] = {
        "id": RUN,
        "workflow_name": "flow",
        "workflow_version": 1,
        "status": "succeeded",
        "tags": {"agentflow.project": "shop"},
        "input_tokens": 0,
        "output_tokens": 0,
        "cost_nano": 0,
        "error": None,
        "created_ms": 0,
        "started_ms": 0,
        "finished_ms": 0,
        "spec_hash": "hash",
        "source": "api",
        "submission_id": None,
        "inputs": {},
        "output": None,
        "output_in_steps": [],
        "budget_nano": None,
        "trace_id": "t",
    }
    return StoredRun(**base | fields)


def a_step(**fields: Any) -> StoredStep:
    base: dict[str, Any] = {
        "step_id": "ask",
        "node_id": "ask",
        "kind": "llm",
        "status": "succeeded",
        "attempt": 2,
        "error": None,
        "input_tokens": 0,
        "output_tokens": 0,
        "cost_nano": 5,
        "provider": "p",
        "model": "m",
        "cached": False,
        "waiting_for": None,
        "waiting_until_ms": None,
        "note": None,
        "started_ms": 1_000,
        "finished_ms": 1_050,
        "output": {"kind": "inline", "value": "Hi Ada"},
    }
    return StoredStep(**base | fields)


def a_spec(policy: dict[str, Any] | None = None) -> ResolvedSpec:
    ask = {
        "id": "ask",
        "type": "llm",
        "config": {"prompt_ref": "greet@3"},
        "policy": {"quality": "gold", "route": {"by": "learn"}} if policy is None else policy,
    }
    spec = WorkflowSpec.model_validate({"name": "flow", "version": 1, "dag": {"nodes": [ask], "edges": []}})
    prompt = PinnedPrompt(name="greet", version=3, template="Hi", hash="h")
    return ResolvedSpec(spec=spec, prompts={"greet@3": prompt}, hash="hash")


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


async def test_a_node_that_learns_no_routes_is_scored_and_nothing_is_sent(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.spec = a_spec(policy={})
    await world.work()
    assert (world.scores(), world.sent) == ({"contains": 1.0}, [])


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
