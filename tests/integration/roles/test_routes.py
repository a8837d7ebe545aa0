"""Routes that learn on real engines: outcomes, scores, explained choices, and a table that is killed and rebuilt."""

import re
from collections.abc import Iterator

import httpx
import pytest
from redis import Redis

from deploy.local.system import ORG, System
from schemas.tables.routes import LEARNED, Learned, arms_entity, decode_learned, group_key
from tests.support.client import define_prompt, define_workflow, llm, submission, submit
from tests.support.crashes import CHECKPOINT_MS, SESSION_MS
from tests.support.polling import until

LAYOUT = {
    "orchestrator": ("orchestrator",),
    "worker": ("worker",),
    "routes": ("routes",),
    "sinks": ("budgets", "history", "analytics"),
}
END_S = 60
RUNS = "/api/v1/runs"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    env = {"SESSION_TIMEOUT_MS": str(SESSION_MS), "CHECKPOINT_INTERVAL_MS": str(CHECKPOINT_MS)}
    with System(tmp_path_factory.mktemp("routes"), durable=False, layout=LAYOUT, env=env) as system:
        yield system


@pytest.fixture(scope="module")
def client(system: System) -> Iterator[httpx.Client]:
    with system.client() as client:
        yield client


@pytest.fixture(scope="module")
def redis(system: System) -> Iterator[Redis]:
    with Redis.from_url(system.endpoints.redis_url) as redis:
        yield redis


def learned(redis: Redis, prompt_ref: str) -> Learned:
    group = group_key(ORG, prompt_ref.partition("@")[0], "bronze")
    keys = list(redis.scan_iter(f"*:e:{arms_entity(group)}", count=10_000))
    data = redis.hget(keys[0], LEARNED) if keys else None
    return decode_learned(data) if isinstance(data, bytes) else Learned()


def run_all(client: httpx.Client, flow: str, number: int) -> list[str]:
    runs = [submit(client, submission(flow, {"text": f"text {n}"})) for n in range(number)]
    for run in runs:
        until(lambda run=run: _status(client, run) == "succeeded", END_S, f"{run} succeeds")  # type: ignore[misc]
    return runs


def _status(client: httpx.Client, run: str) -> str | None:
    answer = client.get(f"/api/v1/workflows/runs/{run}")
    return str(answer.json()["status"]) if answer.status_code == 200 else None


def test_routes_learn_from_outcomes_and_scores_and_outlive_their_table(
    system: System, client: httpx.Client, redis: Redis
) -> None:
    prompt = define_prompt(client, "Say something about {{.text}}")
    flow = define_workflow(client, llm("ask", prompt, {"quality": "bronze", "route": "learn"}))
    runs = run_all(client, flow, 12)
    until(lambda: learned(redis, prompt).count == 12, END_S, "every outcome is folded")
    before = learned(redis, prompt)
    assert set(before.arms) <= {f"local/local-{tier}" for tier in ("gold", "silver", "bronze")}

    answer = client.post(f"{RUNS}/{runs[0]}/scores", json={"step_id": "ask", "score": 0.0, "name": "helpful"})
    assert answer.status_code == 202, answer.text
    total = sum(arm.score for arm in before.arms.values())
    until(
        lambda: sum(arm.score for arm in learned(redis, prompt).arms.values()) < total - 0.3,
        END_S,
        "the score is folded",
    )

    scored = learned(redis, prompt)
    system.roles["routes"].kill()
    redis.delete(*redis.scan_iter("{routes:*", count=10_000))
    system.roles["routes"].start()
    until(lambda: learned(redis, prompt) == scored, END_S, "the table is restored to the same state")


def test_choice_is_explained_by_its_reasons(client: httpx.Client) -> None:
    prompt = define_prompt(client, "Explain {{.text}}")
    route = {"by": "best", "models": ["local/*", "openai/gpt-5"]}
    flow = define_workflow(client, llm("ask", prompt, {"quality": "silver", "route": route}))
    [run] = run_all(client, flow, 1)
    answer = until(lambda: _explained(client, run), END_S, "the span is stored")
    [choice] = answer["choices"]
    assert (choice["route"], choice["by"], choice["recomputes"]) == ("local/local-gold", "best", True)
    [tried] = answer["tries"]
    assert (tried["route"], tried["kind"], tried["error"]) == ("local/local-gold", "first", "")
    reasons = {one["route"]: one["reason"] for one in choice["excluded"]}
    assert (reasons["local/local-bronze"], reasons["openai/gpt-5"]) == ("tier", "no_provider")
    assert reasons["openai/gpt-5-mini"] == "node"

    scored = client.post(f"{RUNS}/{run}/scores", json={"step_id": "ask", "score": 1})
    assert (scored.status_code, scored.json()["group"], scored.json()["counts_for"]) == (202, None, ["quality"])


def _explained(client: httpx.Client, run: str) -> dict[str, list[dict[str, object]]] | None:
    answer = client.get(f"{RUNS}/{run}/route", params={"step": "ask"})
    return dict(answer.json()) if answer.status_code == 200 else None


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("{run}/scores", {"step_id": "nope", "score": 1}, 404, "has no step nope"),
        ("{run}/scores", {"step_id": "ask", "score": 2}, 422, "score"),
        ("{run}/scores", {"step_id": "ask", "score": 1, "attempt": 9}, 422, "attempt"),
        ("nobody/scores", {"step_id": "ask", "score": 1}, 404, "no run nobody"),
        ("{run}/route?step=nope", None, 404, "has no step nope"),
        ("{run}/route?step=ask", None, 404, "no recorded choice"),
    ],
)
def test_wrong_requests_say_what_to_do(
    client: httpx.Client, plain_run: str, path: str, body: object, status: int, said: str
) -> None:
    url = f"{RUNS}/" + path.replace("{run}", plain_run)
    answer = client.get(url) if body is None else client.post(url, json=body)
    assert answer.status_code == status, answer.text
    assert re.search(said, answer.text)


@pytest.fixture(scope="module")
def plain_run(client: httpx.Client) -> str:
    flow = define_workflow(client, llm("ask", define_prompt(client, "Say {{.text}}")))
    return run_all(client, flow, 1)[0]
