"""Evaluations over HTTP: what starts one, what is refused, how far it is, its report in each form, and who sees it."""

import asyncio
from typing import Any

import httpx
import pytest

from schemas.errors import TooLarge
from schemas.payload import inline
from schemas.records.base import ErrorInfo
from schemas.records.run_views import StepView
from services.runs.submit import Submissions
from tests.support.api import Running, unique
from tests.support.history import view_of, write_views
from topics.catalogue import ROUTE_OUTCOMES, RUN_EVENTS

EVALUATIONS = "/api/v1/evaluations"
CASES = [
    {"id": "a", "inputs": {"name": "Ada"}, "expected": "Hi Ada", "tags": ["short"]},
    {"id": "b", "inputs": {"name": "<b>Bo</b>"}, "expected": "Hi Bo"},
]


async def prepared(api: Running, *templates: str) -> dict[str, Any]:
    """Make a prompt with these versions, and a dataset; return what an evaluation of the newest needs."""
    name = unique("greet").replace("-", "_")
    for template in templates or ("Hi {{name}}", "Hello {{name}}"):
        (await api.client.post("/api/v1/prompts", json={"name": name, "template": template})).raise_for_status()
    (await api.client.post("/api/v1/datasets", params={"name": name}, json={"cases": CASES})).raise_for_status()
    return {"prompt": name, "dataset": name, "scorers": [{"kind": "exact"}]}


async def started(api: Running, status: int = 202, **body: Any) -> dict[str, Any]:
    answer = await api.client.post(EVALUATIONS, json=body)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


async def got(api: Running, evaluation: str) -> dict[str, Any]:
    answer = await api.client.get(f"{EVALUATIONS}/{evaluation}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def answered(node: str, index: int, output: Any, error: str = "") -> StepView:
    failed = None if not error else ErrorInfo(code=error, message="no")
    return StepView(
        step_id=f"{node}[{index}]",
        node_id=node,
        kind="llm",
        state="failed" if error else "succeeded",
        attempt=1,
        output=None if error else inline(output),
        error=failed,
        cost_nano=1_000_000,
        provider="local",
        model="local-echo",
        started_at_ms=1_000,
        finished_at_ms=1_040,
    )


def score(case: str, value: float | None) -> dict[str, Any]:
    return {"case_id": case, "scorer": "exact", "score": value}


async def run_ends(api: Running) -> None:
    """Write what the run of the last evaluation gives: the candidate answers both, the baseline one."""
    record = api.log.decoded(RUN_EVENTS)[-1]
    steps = [
        answered("candidate_1", 0, "Hi Ada"),
        answered("candidate_1", 1, "Hi Bo"),
        answered("baseline_1", 0, "no"),
        answered("baseline_1", 1, None, "timeout"),
    ]
    scores = {"candidate": [score("a", 1.0), score("b", 1.0)], "baseline": [score("a", 0.0), score("b", None)]}
    output = {"scores": inline({"scores": scores, "judged": []})}
    await write_views(api.postgres_dsn, view_of(record, "succeeded", steps, output=output, finished_at_ms=2))


async def test_an_evaluation_is_one_run_of_a_registered_workflow(api: Running) -> None:
    body = await prepared(api)
    made = await started(api, **body, version=2, against=1, repeats=3, budget_cents="12.5")
    assert (made["version"], made["against"], made["dataset"]) == (2, 1, f"{body['dataset']}@1")
    record = api.log.decoded(RUN_EVENTS)[-1]
    assert (record.run_id, record.workflow_name) == (made["run_id"], f"evaluation.{body['prompt']}")
    assert (record.budget_nano, record.tags["evaluation"]) == (125_000_000, made["id"])
    assert [case["id"] for case in record.inputs["cases"]] == ["a", "b"]
    again = await started(api, **body | {"scorers": [{"kind": "contains"}]}, version=2, against=1, repeats=3)
    assert again["id"] != made["id"]
    assert api.log.decoded(RUN_EVENTS)[-1].workflow_version == record.workflow_version
    other = await started(api, **body, version=1)
    assert api.log.decoded(RUN_EVENTS)[-1].workflow_version == record.workflow_version + 1
    listed = (await api.client.get(EVALUATIONS, params={"prompt": body["prompt"]})).json()["evaluations"]
    assert [one["id"] for one in listed] == [other["id"], again["id"], made["id"]]
    paged, cursor = [], None
    for _ in range(3):
        params = {"prompt": body["prompt"], "limit": 1} | ({"cursor": cursor} if cursor else {})
        page = (await api.client.get(EVALUATIONS, params=params)).json()
        paged += [(one["id"], one["state"]) for one in page["evaluations"]]
        cursor = page["next_cursor"]
    assert paged == [(one["id"], "queued") for one in (other, again, made)]
    assert cursor is None


async def test_a_verdict_that_fails_needs_another_version(api: Running) -> None:
    answer = await api.client.post(EVALUATIONS, json=await prepared(api) | {"fail_on": ["worse"]})
    assert (answer.status_code, "name that version in against" in answer.text) == (422, True), answer.text


async def test_a_cursor_of_another_list_is_refused(api: Running) -> None:
    answer = await api.client.get(EVALUATIONS, params={"cursor": "nonsense"})
    assert (answer.status_code, "query.cursor" in answer.text) == (422, True), answer.text


async def test_the_same_key_is_the_same_evaluation(api: Running) -> None:
    body = await prepared(api)
    headers = {"Idempotency-Key": unique("key")}
    found = [(await api.client.post(EVALUATIONS, json=body, headers=headers)).json()["id"] for _ in range(2)]
    assert found[0] == found[1]
    for other in ({"fail_under": 0.5}, {"repeats": 2}):
        refused = await api.client.post(EVALUATIONS, json=body | other, headers=headers)
        assert refused.status_code == 422, refused.text


async def test_an_evaluation_whose_run_is_refused_is_not_stored(api: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    body = await prepared(api)

    async def refuse(*_: object, **__: object) -> None:
        raise TooLarge("the inputs are too large; send fewer cases")

    monkeypatch.setattr(Submissions, "prepare", refuse)
    await started(api, 413, **body)
    listed = (await api.client.get(EVALUATIONS, params={"prompt": body["prompt"]})).json()
    assert listed == {"evaluations": [], "next_cursor": None}


async def test_a_report_is_made_when_its_run_has_succeeded_and_stays_as_it_is(api: Running) -> None:
    body = await prepared(api)
    made = await started(api, **body, version=2, against=1, fail_under=0.9, fail_on=["worse"])
    path = f"{EVALUATIONS}/{made['id']}"
    queued = await got(api, made["id"])
    assert (queued["state"], queued["progress"]["total"], queued["report"]) == ("queued", 4, None)
    assert (await api.client.get(f"{path}/report.html")).status_code == 409
    await run_ends(api)
    found = await got(api, made["id"])
    assert (found["state"], found["passed"], found["failures"]) == ("succeeded", True, [])
    assert found["progress"] == {"done": 4, "failed": 1, "total": 4}
    baseline, candidate = found["report"]["versions"]
    assert (candidate["version"], candidate["mean"], candidate["cost"]["total"]) == ("2", 1.0, 2_000_000)
    assert (baseline["version"], baseline["mean"], baseline["errors"]) == ("1", 0.0, 1)
    assert candidate["latency"]["p50"] == 40
    assert found["report"]["comparison"]["verdict"] == "undecided"
    assert (await got(api, made["id"]))["report"] == found["report"]
    page = await api.client.get(f"{path}/report.html")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<b>Bo</b>" not in page.text
    junit = await api.client.get(f"{path}/junit.xml")
    assert (junit.status_code, junit.headers["content-type"].split(";")[0]) == (200, "application/xml")
    assert 'name="a"' in junit.text


async def test_a_verdict_that_fails_does_not_pass(api: Running) -> None:
    body = await prepared(api)
    made = await started(api, **body, version=2, against=1, fail_under=1.0, fail_on=["undecided"])
    await run_ends(api)
    found = await got(api, made["id"])
    assert found["passed"] is False
    assert found["failures"] == ["version 2 is undecided against 1"]


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"prompt": "nobody_made_this"}, 404, "there is no prompt"),
        ({"version": 9}, 404, "there is no prompt"),
        ({"version": "production"}, 404, "there is no prompt"),
        ({"dataset": "nobody-made-this"}, 404, "there is no dataset"),
        ({"version": 2, "against": 2}, 422, "body.against"),
        ({"scorers": [{"kind": "llm_judge", "options": {"rubric": "r", "mode": "pair"}}]}, 422, "body.against"),
        ({"scorers": [{"kind": "regex", "options": {"pattern": "("}}]}, 422, "body.scorers[0]"),
        ({"scorers": [{"kind": "exact", "options": {"nonsense": 1}}]}, 422, "body.scorers[0].options"),
        ({"scorers": [{"kind": "exact"}, {"kind": "exact"}]}, 422, "exact"),
        ({"scorers": [{"kind": "custom", "options": {"function": "nobody.has_this"}}]}, 422, "nobody.has_this"),
        ({"scorers": []}, 422, "scorers"),
        ({"repeats": 21}, 422, "repeats"),
    ],
)
async def test_what_cannot_be_evaluated_is_refused_and_no_run_starts(
    api: Running, change: dict[str, Any], status: int, said: str
) -> None:
    body = await prepared(api)
    before = len(api.log.decoded(RUN_EVENTS))
    answer = await api.client.post(EVALUATIONS, json=body | change)
    assert answer.status_code == status, answer.text
    assert said in answer.text
    assert len(api.log.decoded(RUN_EVENTS)) == before


async def test_a_case_without_what_a_version_needs_is_named(api: Running) -> None:
    body = await prepared(api, "Hi {{name}}", "{{salutation}} {{name}}")
    refused = await started(api, 422, **body)
    assert [one["path"] for one in refused["problems"]] == ["dataset case a", "dataset case b"]
    assert "salutation" in refused["problems"][0]["message"]
    assert (await started(api, **body, version=1))["version"] == 1


async def test_an_evaluation_of_one_project_is_unknown_to_keys_of_another(api: Running) -> None:
    body = await prepared(api)
    for project in ("red", "blue"):
        await api.client.post("/api/v1/projects", json={"id": project})
    made = await started(api, **body, project="red")

    async def seen(**scope: Any) -> httpx.Response:
        made_key = await api.client.post("/api/v1/keys", json={"name": "k", "permissions": ["read"], **scope})
        key = made_key.json()["key"]
        async with api.as_key(key) as client:
            return await client.get(f"{EVALUATIONS}/{made['id']}")

    assert (await seen(project="red")).status_code == 200
    assert (await seen(project="blue")).status_code == 404
    assert (await seen(scopes=["prompt:other"])).status_code == 404
    assert (await seen(scopes=[f"prompt:{body['prompt']}"])).status_code == 200


async def test_a_key_of_the_prompt_cancels_an_evaluation_and_a_key_of_another_does_not(api: Running) -> None:
    body = await prepared(api)
    made = await started(api, **body)
    before = len(api.log.decoded(RUN_EVENTS))

    async def cancelled(*scopes: str) -> httpx.Response:
        wanted = {"name": "k", "permissions": ["read", "write"], "scopes": list(scopes)}
        key = (await api.client.post("/api/v1/keys", json=wanted)).json()["key"]
        async with api.as_key(key) as client:
            return await client.post(f"{EVALUATIONS}/{made['id']}/cancel", json={"reason": "wrong cases"})

    assert (await cancelled("prompt:other")).status_code == 404
    assert len(api.log.decoded(RUN_EVENTS)) == before
    answer = await cancelled(f"prompt:{body['prompt']}")
    assert answer.status_code == 202, answer.text
    assert answer.json() == {"id": made["id"], "run_id": made["run_id"], "state": "queued"}
    record = api.log.decoded(RUN_EVENTS)[-1]
    assert (record.run_id, record.reason) == (made["run_id"], "wrong cases")


async def test_an_evaluation_that_has_ended_is_not_cancelled(api: Running) -> None:
    made = await started(api, **await prepared(api), version=2, against=1)
    await run_ends(api)
    answer = await api.client.post(f"{EVALUATIONS}/{made['id']}/cancel")
    assert (answer.status_code, "has ended: it is succeeded" in answer.text) == (409, True)


async def test_the_list_of_a_limited_key_is_as_long_as_its_limit(api: Running) -> None:
    own, other = await prepared(api), await prepared(api)
    made = await started(api, **own)
    await started(api, **other)
    scopes = [f"prompt:{own['prompt']}"]
    key = (await api.client.post("/api/v1/keys", json={"name": "k", "permissions": ["read"], "scopes": scopes})).json()
    async with api.as_key(key["key"]) as client:
        listed = (await client.get(EVALUATIONS, params={"limit": 1})).json()["evaluations"]
    assert [one["id"] for one in listed] == [made["id"]]


async def test_the_scores_of_answers_teach_the_routes_of_the_prompt_where_that_is_wanted(api: Running) -> None:
    body = await prepared(api)
    for wanted, count in ((False, 0), (True, 2)):
        made = await started(api, **body, version=2, against=1, quality="gold", teach_routes=wanted)
        await run_ends(api)
        await got(api, made["id"])
        await got(api, made["id"])
        taught = [one for one in api.log.decoded(ROUTE_OUTCOMES) if one.run_id == made["run_id"]]
        assert len(taught) == count
    assert {(one.prompt, one.tier, one.route, one.score) for one in taught} == {
        (body["prompt"], "gold", "local/local-echo", 1.0)
    }
    assert all(one.fallback for one in taught), "no chance chose them, so other policies are not judged by them"
    assert taught[0].decision_id == f"{made['run_id']}:candidate_1[0]:1"


async def test_labels_of_people_calibrate_a_judge_and_the_report_is_made_again(api: Running) -> None:
    judge = {"kind": "llm_judge", "name": "better", "options": {"rubric": "short", "mode": "pair"}}
    body = await prepared(api) | {"scorers": [{"kind": "exact"}, judge]}
    made = await started(api, **body, version=2, against=1)
    record = api.log.decoded(RUN_EVENTS)[-1]
    steps = [answered(f"{side}_1", n, "x") for side in ("candidate", "baseline") for n in (0, 1)]
    scores = {side: [score(case, 1.0) for case in ("a", "b")] for side in ("candidate", "baseline")}
    pairs = [{"case_id": case, "scorer": "better", "forward": "first", "swapped": "second"} for case in ("a", "b")]
    output = {"scores": inline({"scores": scores, "judged": pairs})}
    await write_views(api.postgres_dsn, view_of(record, "succeeded", steps, output=output, finished_at_ms=2))
    first = await got(api, made["id"])
    (before,) = first["report"]["judges"]
    assert (before["labels"], before["agreement"], before["calibrated"]) == (0, None, False)

    async def label(status: int, **fields: Any) -> httpx.Response:
        one = {"case_id": "a", "scorer": "better", "human": "candidate"} | fields
        answer = await api.client.post(f"{EVALUATIONS}/{made['id']}/labels", json={"labels": [one]})
        assert answer.status_code == status, answer.text
        return answer

    await label(200, human="tie")
    assert (await label(200)).json()["labels"] == 1
    assert (await label(200, case_id="b", human="tie")).json()["labels"] == 2
    last = await got(api, made["id"])
    (after,) = last["report"]["judges"]
    assert last["ended_at"] == first["ended_at"] is not None
    assert (after["labels"], after["agreement"]) == (2, 0.5)
    for wrong in ({"scorer": "exact"}, {"case_id": "z"}, {"human": "pass"}, {"repeat": 1}):
        assert next(iter(wrong)) in (await label(422, **wrong)).json()["problems"][0]["path"]


async def test_labels_that_come_at_the_same_time_are_all_stored(api: Running) -> None:
    judge = {"kind": "llm_judge", "name": "better", "options": {"rubric": "short", "mode": "pair"}}
    made = await started(api, **await prepared(api) | {"scorers": [judge]}, version=2, against=1, repeats=6)

    async def label(case: str, repeat: int) -> httpx.Response:
        one = {"case_id": case, "scorer": "better", "human": "tie", "repeat": repeat}
        return await api.client.post(f"{EVALUATIONS}/{made['id']}/labels", json={"labels": [one]})

    answers = await asyncio.gather(*(label(case, repeat) for case in ("a", "b") for repeat in range(6)))
    assert sorted(answer.json()["labels"] for answer in answers) == list(range(1, 13))
