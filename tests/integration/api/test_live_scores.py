"""Live scores end to end on a real PostgreSQL: a policy over HTTP, history, the role's work, what readers see."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connectors.objects.store import LocalObjects
from connectors.postgres.database import Database
from connectors.postgres.history.run_writes import RunWrites
from connectors.postgres.history.runs import Runs
from connectors.postgres.live_scores import LiveScores
from connectors.postgres.prompts import Prompts
from connectors.postgres.prompts.judgements import Judgement, Judgements
from connectors.postgres.prompts.scoring import PromptScoring, ScoredOrganisations
from connectors.postgres.workflows import Workflows
from schemas.ids import child_step_id
from schemas.payload import inline
from schemas.records.routes import RouteScored
from schemas.records.run_views import RunView, StepView
from services.prompts.live.ports import LivePorts
from services.prompts.live.scoring import LiveScoring
from services.workflows.of_run import RunDefinitions
from services.workflows.resolver import WorkflowResolver
from tests.support.api import Running, unique
from tests.support.history import view_of
from topics.catalogue import ROUTE_OUTCOMES, RUN_EVENTS

PROMPTS = "/api/v1/prompts"
POLICY = {
    "sample": 1,
    "scorers": [
        {"kind": "contains", "options": {"values": ["Hi"]}},
        {"kind": "latency", "options": {"limit_ms": 100}, "weight": 0},
    ],
}

JUDGE = {"kind": "llm_judge", "options": {"rubric": "It is polite"}}
MONEY = {"cents_per_day": 50, "cents_per_call": 1}


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    found = Database(dsn, timeout_s=10)
    yield found
    await found.close()


async def prompt_of(api: Running) -> str:
    """Make a prompt, and a workflow of its name whose node learns routes."""
    name = unique("live").replace("-", "_")
    (await api.client.post(PROMPTS, json={"name": name, "template": "Greet"})).raise_for_status()
    node = {
        "id": "ask",
        "type": "llm",
        "config": {"prompt_ref": f"{name}@1"},
        "policy": {"quality": "gold", "route": {"by": "learn"}},
    }
    body = {"name": name, "version": 1, "dag": {"nodes": [node], "edges": []}}
    (await api.client.post("/api/v1/workflows", json=body)).raise_for_status()
    return name


async def run_ends(api: Running, database: Database, name: str, *outputs: Any) -> RunView:
    """Submit a run and let history write that it ended; return that view."""
    body = {"workflow_name": name, "inputs": {}}
    (await api.client.post("/api/v1/workflows/runs", json=body)).raise_for_status()
    ids = ["ask"] if len(outputs) == 1 else [child_step_id("ask", at) for at in range(len(outputs))]
    steps = [
        StepView(
            step_id=step,
            node_id="ask",
            kind="llm",
            state="succeeded",
            attempt=1,
            output=inline(output),
            started_at_ms=1_000,
            finished_at_ms=1_040,
        )
        for step, output in zip(ids, outputs, strict=True)
    ]
    view = view_of(api.log.decoded(RUN_EVENTS)[-1], "succeeded", steps, output={}, finished_at_ms=2)
    await RunWrites(database, ScoredOrganisations(PromptScoring(database))).write([view])
    return view


class NoSpecs:
    """A table without definitions: those that are registered are found elsewhere."""

    async def find(self, run_id: str, spec_hash: str) -> None:
        return None


async def work(api: Running, database: Database) -> None:
    """Do what the role does, for all that is due and at once."""
    await database.fetch("let all be due", "UPDATE live_score_due SET due_at = now()")
    plans = WorkflowResolver(Workflows(database), Prompts(database))
    ports = LivePorts(
        policies=PromptScoring(database),
        store=LiveScores(database),
        history=Runs(database),
        definitions=RunDefinitions(plans, NoSpecs()),  # type: ignore[arg-type]
        objects=LocalObjects(Path(api.settings.objects.directory)),
        appender=api.log,
        count=lambda *_, **__: None,
    )
    await LiveScoring(ports).work()


async def due(database: Database, run_id: str) -> int:
    return len(await database.fetch("due", "SELECT run_id FROM live_score_due WHERE run_id = $1", run_id))


def sent(api: Running, run_id: str) -> list[RouteScored]:
    return [one for one in api.log.decoded(ROUTE_OUTCOMES) if isinstance(one, RouteScored) and one.run_id == run_id]


async def test_a_sampled_answer_is_scored_once_and_its_means_are_read(api: Running, database: Database) -> None:
    name = await prompt_of(api)
    put = await api.client.put(f"{PROMPTS}/{name}/scoring", json=POLICY)
    assert put.status_code == 200, put.text
    assert (await api.client.get(f"{PROMPTS}/{name}/scoring")).json() == put.json()
    view = await run_ends(api, database, name, "Hi Ada", "no")
    assert await due(database, view.run_id) == 1
    for _ in range(2):
        await work(api, database)
    assert await due(database, view.run_id) == 0
    assert sorted((one.step_id, one.score) for one in sent(api, view.run_id)) == [("ask[0]", 1.0), ("ask[1]", 0.0)]
    page = (await api.client.get(f"{PROMPTS}/{name}/scores", params={"since": "1h"})).json()
    assert page["scores"] == [
        {"version": 1, "scorer": "contains", "mean": 0.5, "scored": 2, "failed": 0, "calibrated": None},
        {"version": 1, "scorer": "latency", "mean": 1.0, "scored": 2, "failed": 0, "calibrated": None},
    ]
    later = await api.client.get(f"{PROMPTS}/{name}/scores", params={"since": "2100-01-01T00:00:00Z"})
    assert later.json()["scores"] == []


async def test_a_run_that_history_writes_again_keeps_its_scores(api: Running, database: Database) -> None:
    name = await prompt_of(api)
    (await api.client.put(f"{PROMPTS}/{name}/scoring", json=POLICY)).raise_for_status()
    view = await run_ends(api, database, name, "Hi")
    await work(api, database)
    stored = await LiveScores(database).of_run(view.org_id, view.run_id)
    await database.fetch("due", "INSERT INTO live_score_due VALUES ($1, $2, now())", view.org_id, view.run_id)
    harsh = POLICY | {"scorers": [{"kind": "contains", "options": {"values": ["Bye"]}}]}
    (await api.client.put(f"{PROMPTS}/{name}/scoring", json=harsh)).raise_for_status()
    await work(api, database)
    assert await LiveScores(database).of_run(view.org_id, view.run_id) == stored
    first, again = sent(api, view.run_id)
    assert first == again


async def test_a_leased_run_is_left_to_its_process_until_the_lease_ends(api: Running, database: Database) -> None:
    scores, org = LiveScores(database), unique("org")
    await database.fetch("due", "INSERT INTO live_score_due VALUES ($1, 'run', now() - interval '1 hour')", org)
    assert org in [one.org_id for one in await scores.lease(60, 1_000)]
    assert org not in [one.org_id for one in await scores.lease(60, 1_000)]
    await database.fetch("expire", "UPDATE live_score_due SET due_at = now() WHERE org_id = $1", org)
    (found,) = [one for one in await scores.lease(60, 1_000) if one.org_id == org]
    await scores.settle(found)


async def test_without_a_policy_nothing_is_due_and_nothing_is_scored(api: Running, database: Database) -> None:
    name = await prompt_of(api)
    await database.fetch("no policies", "DELETE FROM prompt_scoring")
    view = await run_ends(api, database, name, "Hi")
    assert await due(database, view.run_id) == 0
    answer = await api.client.get(f"{PROMPTS}/{name}/scoring")
    assert (answer.status_code, "PUT /api/v1/prompts" in answer.text) == (404, True)


async def test_a_policy_of_a_label_scores_the_version_that_it_names(api: Running, database: Database) -> None:
    name = await prompt_of(api)
    limited = POLICY | {"version": "production"}
    assert (await api.client.put(f"{PROMPTS}/{name}/scoring", json=limited)).status_code == 404
    (await api.client.put(f"{PROMPTS}/{name}/labels/production", json={"version": 1})).raise_for_status()
    put = await api.client.put(f"{PROMPTS}/{name}/scoring", json=limited)
    assert put.json()["version"] == "production"
    view = await run_ends(api, database, name, "Hi")
    await work(api, database)
    assert len(await LiveScores(database).of_run(view.org_id, view.run_id)) == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"sample": 1.5}, "sample"),
        ({"version": "latest"}, "version"),
        ({"scorers": []}, "scorers"),
        ({"scorers": [{"kind": "exact"}]}, "scorers[0].kind"),
        ({"scorers": [{"kind": "contains"}]}, "scorers[0].options.values"),
        ({"scorers": [{"kind": "regex", "options": {"pattern": "("}}]}, "scorers[0].options"),
        ({"scorers": [JUDGE]}, "body.judge"),
        ({"judge": MONEY}, "body.judge"),
        ({"scorers": [JUDGE], "judge": {"cents_per_day": 1, "cents_per_call": 2}}, "body.judge.cents_per_call"),
        ({"scorers": [JUDGE], "judge": {**MONEY, "calibration": "eval_none"}}, "body.judge.calibration"),
    ],
)
async def test_a_policy_that_cannot_score_is_refused_with_its_field(
    api: Running, change: dict[str, Any], field: str
) -> None:
    name = await prompt_of(api)
    answer = await api.client.put(f"{PROMPTS}/{name}/scoring", json=POLICY | change)
    assert answer.status_code == 422, answer.text
    assert any(field in one["path"] and one["fix"] for one in answer.json()["problems"]), answer.text


async def test_a_policy_that_was_removed_leaves_its_scores(api: Running, database: Database) -> None:
    name = await prompt_of(api)
    (await api.client.put(f"{PROMPTS}/{name}/scoring", json=POLICY)).raise_for_status()
    await run_ends(api, database, name, "Hi")
    await work(api, database)
    assert (await api.client.delete(f"{PROMPTS}/{name}/scoring")).status_code == 204
    assert (await api.client.delete(f"{PROMPTS}/{name}/scoring")).status_code == 404
    assert len((await api.client.get(f"{PROMPTS}/{name}/scores")).json()["scores"]) == 2


async def test_a_judge_has_money_of_its_own_and_says_that_nobody_has_calibrated_it(
    api: Running, database: Database
) -> None:
    name = await prompt_of(api)
    put = await api.client.put(f"{PROMPTS}/{name}/scoring", json=POLICY | {"scorers": [JUDGE], "judge": MONEY})
    assert put.status_code == 200, put.text
    judge = put.json()["judge"]
    assert (judge["scorer"], judge["cents_per_day"], judge["cents_per_call"]) == ("llm_judge", "50", "1")
    assert (judge["spent_cents"], judge["calibrated"], judge["labels"]) == ("0", False, 0)
    assert judge["warnings"][0].startswith("uncalibrated")
    flow = (await api.client.get(f"/api/v1/workflows/live-judge.{name}")).json()
    assert flow["name"] == f"live-judge.{name}"
    again = await api.client.put(f"{PROMPTS}/{name}/scoring", json=POLICY | {"scorers": [JUDGE], "judge": MONEY})
    assert again.status_code == 200, "the same judge is the same version of its workflow"


def judgement(name: str, call: str, nano: int) -> Judgement:
    return Judgement(
        prompt=name, version=1, project=None, call=call, run_id="run", step_id="ask", attempt=1, scorer="llm_judge",
        weight=1, judge_run_id=f"judge of {call}", nano=nano,
    )  # fmt: skip


async def test_judges_at_once_hold_no_more_than_a_day_has(api: Running, database: Database) -> None:
    store, org, name = Judgements(database), unique("org"), unique("judged")
    many = [judgement(name, f"{org}{number % 20}", 10) for number in range(60)]
    found = await asyncio.gather(*(store.hold(org, one, 105) for one in many))
    assert len({one.call for one in found if one is not None}) == 10
    assert await store.spent(org, name) == 100
    held = next(one for one in found if one is not None)
    await store.end(org, held, 3)
    await store.end(org, held, 9)
    assert await store.spent(org, name) == 93
    assert held.call not in await store.waiting(org, "run")
    assert await store.hold(org, judgement(name, f"{org} new", 12), 105) is not None
    assert (await store.of_judge(org, held.judge_run_id) or held).has_ended
    assert await store.of_judge(unique("org"), held.judge_run_id) is None
