"""Redis is emptied while history does not run: nobody is told for good that an accepted run does not exist."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import redis

from deploy.local.system import System
from tests.support.client import RUNS, define_prompt, define_workflow, llm, submission, submit, unique, wait_for_run
from tests.support.polling import until

CATCHES_UP_WITHIN_S = 90.0


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    env = {"LOCAL_LATENCY_MS": "300"}
    with System(tmp_path_factory.mktemp("system"), durable=False, env=env) as started:
        yield started


@contextmanager
def suspended(system: System) -> Iterator[None]:
    """Suspend the process of history."""
    pid = system.roles["sinks"].pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def flush(system: System) -> None:
    with redis.Redis.from_url(system.stack.endpoints.redis_url) as client:
        client.flushall()


def flow(client: httpx.Client) -> str:
    return define_workflow(client, llm("ask", define_prompt(client, "Say something")))


def certain(client: httpx.Client) -> bool:
    """Whether an id that no run has is certainly unknown."""
    return client.get(f"{RUNS}/no-such-run").status_code == 404


def test_an_accepted_run_is_503_and_its_cancel_is_appended(system: System, client: httpx.Client) -> None:
    until(lambda: certain(client), CATCHES_UP_WITHIN_S, "an unknown run is 404")
    name = flow(client)
    with suspended(system):
        run = submit(client, submission(name))
        assert client.get(f"{RUNS}/{run}").status_code == 200
        flush(system)
        for path in ("", "/events", "/steps", "/waiting"):
            answer = client.get(f"{RUNS}/{run}{path}")
            assert (answer.status_code, answer.json()["dependency"]) == (503, "history"), answer.text
            assert int(answer.headers["Retry-After"]) > 0
        canceled = client.post(f"{RUNS}/{run}/cancel", json={})
        assert canceled.status_code == 503
        assert "its cancel is in the log" in canceled.json()["detail"]
    until(lambda: client.get(f"{RUNS}/{run}").status_code == 200, CATCHES_UP_WITHIN_S, "the run is in history")
    assert wait_for_run(client, run)["status"] in {"canceled", "succeeded"}
    until(lambda: certain(client), CATCHES_UP_WITHIN_S, "an unknown run is 404 again")


def test_another_body_under_the_same_key_is_not_taken_for_the_first(system: System, client: httpx.Client) -> None:
    until(lambda: certain(client), CATCHES_UP_WITHIN_S, "an unknown run is 404")
    name, key = flow(client), {"Idempotency-Key": unique("key")}
    first, other = submission(name), submission(name, tags={"other": "body"})
    with suspended(system):
        run = client.post(RUNS, json=first, headers=key).json()["id"]
        flush(system)
        answer = client.post(RUNS, json=other, headers=key)
        assert (answer.status_code, answer.json()["dependency"]) == (503, "history"), answer.text
    until(lambda: certain(client), CATCHES_UP_WITHIN_S, "an unknown run is 404 again")
    assert client.post(RUNS, json=other, headers=key).status_code == 422
    again = client.post(RUNS, json=first, headers=key).json()
    assert (again["id"], again["duplicate"]) == (run, True)
