"""Following runs over HTTP: the API served for real, PostgreSQL as history, and a NATS that a test may kill."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest

from deploy.local.engines import EngineStack
from schemas.records.run_views import RunView, StepView
from tests.support.api import unique
from tests.support.followed import DEADLINE_S, RUNS, Followed, Stage, staged
from tests.support.polling import until_async


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineStack]:
    """A NATS of the module's own, since tests kill it."""
    stack = EngineStack(tmp_path_factory.mktemp("nats"), {"nats"}, durable=False)
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture
async def stage(dsn: str, redis_url: str, nats: EngineStack) -> AsyncIterator[Stage]:
    if nats.engine("nats").pid is None:
        nats.engine("nats").start()
    async with staged(dsn, redis_url, nats, nats.endpoints.nats_url) as found:
        yield found


async def until_seen(followed: Followed, what: tuple[str, str]) -> None:
    await until_async(lambda: what in followed.seen(), DEADLINE_S, f"{what} is told; {followed.seen()}", tick_s=0.01)


async def test_a_run_is_followed_from_its_start_to_its_end(stage: Stage) -> None:
    run = unique("run")
    await stage.write(stage.view(run, 1, a="running"))
    followed, task = stage.follow(run)
    await until_seen(followed, ("a", "running"))
    await stage.write(stage.view(run, 2, a="succeeded", b="running"))
    await until_seen(followed, ("b", "running"))
    await stage.write(stage.view(run, 3, "succeeded", b="succeeded"))
    await task
    assert followed.seen() == [
        ("run", "queued"),
        ("run", "running"),
        ("a", "running"),
        ("a", "succeeded"),
        ("b", "running"),
        ("b", "succeeded"),
        ("run", "succeeded"),
        ("end", "succeeded"),
    ]
    assert followed.last_id == "3.3"
    await until_async(lambda: stage.open_streams == 0, DEADLINE_S, "the stream is freed")


async def test_the_bus_is_faster_than_history(stage: Stage) -> None:
    run = unique("run")
    await stage.write(stage.view(run, 1, a="running"))
    followed, _ = stage.follow(run)
    await until_seen(followed, ("a", "running"))
    await until_async(lambda: stage.live._watched, DEADLINE_S, "it is known to be watched", tick_s=0.01)
    await stage.write(stage.view(run, 2, a="succeeded"), history=False)
    await until_seen(followed, ("a", "succeeded"))
    assert followed.last_id.startswith("1.")


async def test_what_the_bus_loses_history_tells(stage: Stage) -> None:
    run = unique("run")
    await stage.write(stage.view(run, 1, a="running"), say=False)
    followed, task = stage.follow(run)
    await until_seen(followed, ("a", "running"))
    await stage.write(stage.view(run, 2, a="failed"), say=False)
    await stage.write(stage.view(run, 3, "failed", b="canceled"), say=False)
    await task
    assert followed.seen()[-1] == ("end", "failed")
    assert {("a", "failed"), ("b", "canceled"), ("run", "failed")} <= set(followed.seen())


async def test_nats_killed_in_the_middle_costs_nothing_but_time(stage: Stage) -> None:
    run = unique("run")
    await stage.write(stage.view(run, 1, a="running"))
    followed, task = stage.follow(run)
    await until_seen(followed, ("a", "running"))
    stage.stack.engine("nats").kill()
    await stage.write(stage.view(run, 2, a="succeeded", b="running"))
    await until_seen(followed, ("b", "running"))
    stage.stack.engine("nats").start()
    await until_async(lambda: stage.bus.connected, DEADLINE_S, "NATS is back")
    await stage.write(stage.view(run, 3, "succeeded", b="succeeded"))
    await task
    assert [s for s in followed.seen() if s[0] == "run"] == [("run", s) for s in ("queued", "running", "succeeded")]
    assert [s for s in followed.seen() if s[0] == "b"] == [("b", "running"), ("b", "succeeded")]


async def test_a_client_that_comes_back_goes_on_after_its_last_id(stage: Stage) -> None:
    run = unique("run")
    await stage.write(stage.view(run, 1, a="running", b="running"))
    first, task = stage.follow(run)
    await until_async(lambda: first.last_id, DEADLINE_S, "an id comes")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await until_async(lambda: stage.open_streams == 0, DEADLINE_S, "the stream is freed when its client goes")
    await stage.write(stage.view(run, 2, a="succeeded"))
    await stage.write(stage.view(run, 3, "failed", b="failed"))
    again, task = stage.follow(run, first.last_id)
    await task
    assert again.seen() == [("a", "succeeded"), ("b", "failed"), ("run", "failed"), ("end", "failed")]
    late, task = stage.follow(run, again.last_id)
    await task
    assert [what for what in late.seen() if what[0] == "run"] == []
    assert late.seen()[-1] == ("end", "failed")


async def test_a_run_that_was_just_accepted_is_queued(stage: Stage) -> None:
    await stage.api.define_greeting()
    answer = await stage.http.post(RUNS, json={"workflow_name": "greeting", "inputs": {"name": "A", "language": "x"}})
    run = answer.json()["id"]
    assert answer.json()["links"]["events"] == f"{RUNS}/{run}/events"
    followed, task = stage.follow(run)
    await until_seen(followed, ("run", "queued"))
    await stage.write(stage.view(run, 4, "succeeded", a="succeeded"))
    await task
    assert followed.seen() == [
        ("run", "queued"),
        ("run", "running"),
        ("a", "succeeded"),
        ("run", "succeeded"),
        ("end", "succeeded"),
    ]


async def test_runs_of_others_and_bad_ids_are_refused(stage: Stage, dsn: str) -> None:
    run = unique("run")
    await stage.writes.write([msgspec.structs.replace(stage.view(run, 1), org_id="another")])
    assert (await stage.http.get(f"{RUNS}/{run}/events")).status_code == 404
    assert (await stage.http.get(f"{RUNS}/{unique('none')}/events")).status_code == 404
    await stage.write(stage.view(unique("own"), 1))
    bad = await stage.http.get(f"{RUNS}/{run}/events", headers={"Last-Event-ID": "x"})
    assert bad.status_code == 422
    assert (await stage.http.get(f"{RUNS}/{run}/events", headers={"Authorization": "no"})).status_code == 401


async def test_streams_are_bounded(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    run = unique("run")
    await stage.write(stage.view(run, 1))
    bound = stage.api.app.state.services.runs.streams.bound
    monkeypatch.setattr(bound, "_limit", 1)
    followed, task = stage.follow(run)
    await until_seen(followed, ("run", "running"))
    refused = await stage.http.get(f"{RUNS}/{run}/events")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await until_async(lambda: stage.open_streams == 0, DEADLINE_S, "the place is given back")


async def test_a_quiet_stream_says_that_it_lives(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.live.run_stream.HEARTBEAT_S", 0.05)
    run = unique("run")
    await stage.write(stage.view(run, 1))
    followed, _ = stage.follow(run)
    await until_async(lambda: followed.comments > 2, DEADLINE_S, "heartbeats come")


async def test_a_process_that_stops_ends_its_streams_without_an_end(stage: Stage) -> None:
    run = unique("run")
    await stage.write(stage.view(run, 1))
    followed, task = stage.follow(run)
    await until_seen(followed, ("run", "running"))
    stage.api.app.state.services.runs.streams.close()
    await task
    assert followed.ended
    assert "end" not in [what for what, _ in followed.seen()]


async def test_without_nats_all_is_told(dsn: str, redis_url: str, nats: EngineStack) -> None:
    if nats.engine("nats").pid is None:
        nats.engine("nats").start()
    async with staged(dsn, redis_url, nats, "") as stage:
        assert (await stage.http.get("/ready")).json()["dependencies"].keys() == {
            "kafka", "redis", "postgres", "clickhouse",
        }  # fmt: skip
        run = unique("run")
        await stage.write(stage.view(run, 1, a="running"))
        followed, task = stage.follow(run)
        await until_seen(followed, ("a", "running"))
        await stage.write(stage.view(run, 2, "succeeded", a="succeeded"))
        await task
        assert followed.seen()[-2:] == [("run", "succeeded"), ("end", "succeeded")]


async def test_without_an_answer_from_nats_the_api_is_degraded_and_ready(stage: Stage) -> None:
    stage.stack.engine("nats").kill()
    nats = stage.api.app.state.services.runs.bus
    await until_async(lambda: not nats.connected, DEADLINE_S, "the loss is seen")
    checks = {"postgres": stage.api.app.state.services.operations.checks["postgres"]}
    object.__setattr__(stage.api.app.state.services.operations, "checks", checks)
    answer = await stage.http.get("/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["dependencies"]["nats"]["status"] == "error"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl_shows_it_as_it_comes(stage: Stage) -> None:
    run = unique("run")
    await stage.write(stage.view(run, 1, a="running"))
    curl = await asyncio.create_subprocess_exec(
        *("curl", "-sN", f"{stage.http.base_url}{RUNS}/{run}/events"),
        *("-H", f"Authorization: Bearer {stage.api.api_key}"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert curl.stdout is not None
    async with asyncio.timeout(DEADLINE_S):
        seen = b""
        while b'"status":"running"' not in seen:
            seen += await curl.stdout.readline()
        await stage.write(stage.view(run, 2, "succeeded", a="succeeded"))
        seen += await curl.stdout.read()
        assert await curl.wait() == 0
    assert seen.endswith(b'event: end\ndata: {"status":"succeeded"}\n\n')


async def test_a_cancel_is_said_when_it_is_in_the_log(stage: Stage) -> None:
    run, heard = unique("run"), []
    await stage.write(stage.view(run, 1, a="running"))
    stage.bus.subscribe("agentflow.cancel.*", lambda subject, data: heard.append((subject, data)))
    await stage.bus.ping()
    await until_async(lambda: stage.api.app.state.services.runs.bus.connected, DEADLINE_S, "the API is connected")
    answer = await stage.http.post(f"{RUNS}/{run}/cancel")
    assert answer.status_code == 202
    assert [record.run_id for record in stage.api.log.decoded("run-events")] == [run]
    await until_async(lambda: heard, DEADLINE_S, "it is said")
    assert heard == [(f"agentflow.cancel.{stage.org}", run.encode())]


def test_a_view_over_the_bus_reads_like_one_of_history() -> None:
    from api.live.live_views import run_line, stored_steps
    from api.render.runs import step, summary

    view = RunView(
        run_id="r", org_id="o", version=3, workflow_name="w", workflow_version=1, status="running", source="api",
        body_hash="h", spec_hash="s", submitted_at_ms=1, trace_id="t",
        steps=[
            StepView(step_id="a", node_id="a", kind="llm", state="waiting", waiting_for="retry", waiting_until_ms=5)
        ],
    )  # fmt: skip
    assert summary(run_line(view)).status == "running"
    ((version, stored),) = stored_steps(view)
    assert version == 3
    assert step(stored).waiting is not None
