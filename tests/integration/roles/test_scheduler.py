"""Schedules on a real PostgreSQL and Redis: defined over HTTP, decided by schedulers over a log in memory."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from connectors.memory.engine import ManualClock
from connectors.objects.store import LocalObjects
from connectors.postgres.database import Database
from connectors.postgres.history.runs import Runs
from connectors.postgres.prompts import Prompts
from connectors.postgres.schedules import Backfills, Schedules
from connectors.postgres.workflows import Workflows
from connectors.redis.submission_markers import SubmissionMarkers
from schemas.errors import Unavailable
from schemas.ids import run_id
from schemas.records.run_events import CancelRequested, RunSubmitted
from schemas.run_states import RunState
from schemas.schedule import slot_id
from services.runs.large_inputs import LargeInputs
from services.runs.submit import SubmissionPorts, Submissions
from services.workflows.resolver import WorkflowResolver
from streams.process.role import TickApp
from streams.roles.scheduler import Scheduler, SchedulerPorts
from tests.support.api import INPUTS, Running, running, settings_for, until_authenticated
from tests.support.history import view_of, write_views
from tests.support.polling import until_async
from topics.catalogue import RUN_EVENTS

SCHEDULES = "/api/v1/schedules"
MINUTE = 60_000


@pytest.fixture
async def api(dsn: str, redis_url: str) -> AsyncIterator[Running]:
    async with running(settings_for(dsn, redis_url)) as found:
        await until_authenticated(found)
        await found.define_greeting()
        yield found
        for one in (await found.client.get(SCHEDULES)).json()["schedules"]:
            await found.client.delete(f"{SCHEDULES}/{one['id']}")


class SchedulerHarness:
    """Schedulers over the API's log, with a clock that a test moves."""

    def __init__(self, api: Running, redis: Redis, database: Database) -> None:
        self.api = api
        self.redis = redis
        self.database = database
        self.clock = ManualClock()
        self.schedules = Schedules(database)

    def scheduler(self) -> Scheduler:
        partitions = self.api.partitions
        history, markers = Runs(self.database), SubmissionMarkers(self.redis, partitions)
        submissions = SubmissionPorts(
            plans=WorkflowResolver(Workflows(self.database), Prompts(self.database)),
            markers=markers,
            history=history,
            appender=self.api.log,
            large_inputs=LargeInputs(LocalObjects(Path(self.api.settings.objects.directory))),
        )
        ports = SchedulerPorts(
            schedules=self.schedules,
            backfills=Backfills(self.database),
            submissions=Submissions(submissions, now_ms=self.clock.now_ms),
            history=history,
            markers=markers,
            appender=self.api.log,
        )
        return Scheduler(ports, self.clock, CollectorRegistry())

    async def at_next_slot(self, made: dict[str, Any], plus_ms: int = 0) -> int:
        """Move the clock to a schedule's next slot, and look."""
        stored = await self.schedules.get(self.api.org_id, made["id"])
        assert stored.next_slot_ms is not None
        self.clock.ms = stored.next_slot_ms + plus_ms
        await self.scheduler().tick()
        return stored.next_slot_ms

    def started(self) -> list[RunSubmitted]:
        return [r for r in self.api.log.decoded(RUN_EVENTS) if isinstance(r, RunSubmitted)]

    async def end(self, record: RunSubmitted, status: RunState = "succeeded") -> None:
        await write_views(self.api.postgres_dsn, view_of(record, status))


@pytest.fixture
async def harness(api: Running, redis_url: str) -> AsyncIterator[SchedulerHarness]:
    redis, database = Redis.from_url(redis_url), Database(api.postgres_dsn)
    yield SchedulerHarness(api, redis, database)
    await database.close()
    await redis.aclose()


async def define(api: Running, **more: Any) -> dict[str, Any]:
    body = {"name": "s", "workflow_name": "greeting", "inputs": INPUTS, "interval_s": 60} | more
    answer = await api.client.post(SCHEDULES, json={k: v for k, v in body.items() if v is not None})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def shown(api: Running, made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await api.client.get(f"{SCHEDULES}/{made['id']}")).json()
    return found


async def test_a_slot_is_one_run_whose_id_is_made_of_it(api: Running, harness: SchedulerHarness) -> None:
    made = await define(api, inputs=INPUTS | {"name": "at {{slot}}"}, tags={"team": "x"}, budget_cents=3)
    slot = await harness.at_next_slot(made)
    (run,) = harness.started()
    assert (run.source, run.submission_id) == (f"schedule:{made['id']}", slot_id(slot))
    assert run.run_id == run_id(api.org_id, run.source, slot_id(slot))
    assert run.inputs == INPUTS | {"name": f"at {slot_id(slot)}"}
    assert (run.tags, run.budget_nano) == ({"team": "x", "schedule": "s"}, 30_000_000)
    after = await shown(api, made)
    assert after["last_run"]["slot"] == slot_id(slot)
    assert after["last_run"]["run_id"] == run.run_id
    assert after["next_runs"][0] == slot_id(slot + MINUTE)
    await harness.scheduler().tick()
    assert len(harness.started()) == 1


async def test_many_schedulers_and_many_restarts_start_each_slot_once(api: Running, harness: SchedulerHarness) -> None:
    made = await define(api, overlap="allow", interval_s=1)
    stored = await harness.schedules.get(api.org_id, made["id"])
    start = stored.next_slot_ms or 0
    for second in range(10):
        harness.clock.ms = start + second * 1_000
        await asyncio.gather(*(harness.scheduler().tick() for _ in range(4)))
    await harness.scheduler().tick()
    slots = [run.submission_id for run in harness.started()]
    assert sorted(set(slots)) == [slot_id(start + second * 1_000) for second in range(10)]
    assert len(slots) == len(set(slots))


async def test_a_scheduler_that_dies_after_the_submission_loses_and_doubles_nothing(
    api: Running, harness: SchedulerHarness
) -> None:
    made = await define(api)
    stored = await harness.schedules.get(api.org_id, made["id"])
    harness.clock.ms = stored.next_slot_ms or 0
    dying = harness.scheduler()

    async def die(*_: Any) -> None:
        raise Unavailable("postgres", "the process died here")

    dying._schedules.settle, kept = die, dying._schedules.settle  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await dying.tick()
    harness.schedules.settle = kept  # type: ignore[method-assign]
    assert len(harness.started()) == 1
    # Meanwhile somebody changes what is submitted: the slot's run stays what it was.
    await api.client.patch(f"{SCHEDULES}/{made['id']}", json={"inputs": INPUTS | {"name": "Bob"}})
    await harness.scheduler().tick()
    assert len({run.run_id for run in harness.started()}) == 1
    after = await shown(api, made)
    assert after["last_run"]["run_id"] == harness.started()[0].run_id
    assert after["problem"] is None


async def test_skip_waits_for_the_previous_run_to_end(api: Running, harness: SchedulerHarness) -> None:
    made = await define(api, overlap="skip")
    await harness.at_next_slot(made)
    await harness.at_next_slot(made)
    assert len(harness.started()) == 1
    assert (await shown(api, made))["skipped"] == 1
    await harness.end(harness.started()[0], "running")
    await harness.at_next_slot(made)
    assert len(harness.started()) == 1
    await write_views(api.postgres_dsn, view_of(harness.started()[0], "failed", version=2))
    await harness.at_next_slot(made)
    assert len(harness.started()) == 2


async def test_queue_one_keeps_one_slot_for_later(api: Running, harness: SchedulerHarness) -> None:
    made = await define(api, overlap="queue_one")
    await harness.at_next_slot(made)
    queued = await harness.at_next_slot(made)
    await harness.at_next_slot(made)
    after = await shown(api, made)
    assert (after["queued_slot"], after["skipped"], len(harness.started())) == (slot_id(queued), 1, 1)
    await harness.end(harness.started()[0])
    await harness.scheduler().tick()
    assert [run.submission_id for run in harness.started()][1:] == [slot_id(queued)]
    assert (await shown(api, made))["queued_slot"] is None


async def test_cancel_previous_asks_for_its_end(api: Running, harness: SchedulerHarness) -> None:
    made = await define(api, overlap="cancel_previous")
    await harness.at_next_slot(made)
    await harness.at_next_slot(made)
    first, _ = harness.started()
    canceled = [r for r in api.log.decoded(RUN_EVENTS) if isinstance(r, CancelRequested)]
    assert [(r.run_id, r.requested_by) for r in canceled] == [(first.run_id, f"schedule:{made['id']}")]


async def test_slots_that_nobody_was_there_for(api: Running, harness: SchedulerHarness) -> None:
    made = {
        c: await define(api, name=c, catchup=c, overlap="allow", interval_s=3600) for c in ("all", "latest", "none")
    }
    stored = await harness.schedules.get(api.org_id, made["all"]["id"])
    harness.clock.ms = (stored.next_slot_ms or 0) + 5 * 3_600_000 + 10 * MINUTE
    await harness.scheduler().tick()
    by_source = {c: [r for r in harness.started() if r.source == f"schedule:{m['id']}"] for c, m in made.items()}
    assert {c: len(runs) for c, runs in by_source.items()} == {"all": 6, "latest": 1, "none": 0}
    assert (await shown(api, made["none"]))["skipped"] == 6
    assert (await shown(api, made["latest"]))["skipped"] == 5


async def test_a_paused_schedule_runs_nothing_then_or_later(api: Running, harness: SchedulerHarness) -> None:
    made = await define(api, overlap="allow", catchup="all")
    await api.client.patch(f"{SCHEDULES}/{made['id']}", json={"paused": True})
    assert (await shown(api, made))["next_runs"] == []
    await harness.at_next_slot(made, plus_ms=5 * MINUTE)
    assert harness.started() == []
    resumed = (await api.client.patch(f"{SCHEDULES}/{made['id']}", json={"paused": False})).json()
    assert len(resumed["next_runs"]) == 5
    await harness.at_next_slot(made)
    assert len(harness.started()) == 1


async def test_what_cannot_be_submitted_is_said_and_the_next_slot_is_tried(
    api: Running, harness: SchedulerHarness
) -> None:
    made = await define(api)
    newer = {"name": "greeter", "version": 9, "template": "Greet {{name}} from {{place}}"}
    (await api.client.post("/api/v1/prompts", json=newer)).raise_for_status()
    flow = {
        "name": "greeting",
        "version": 2,
        "dag": {"nodes": [{"id": "g", "type": "llm", "config": {"prompt_ref": "greeter@9"}}], "edges": []},
    }
    (await api.client.post("/api/v1/workflows", json=flow)).raise_for_status()
    slot = await harness.at_next_slot(made)
    after = await shown(api, made)
    assert harness.started() == []
    assert after["problem"]["slot"] == slot_id(slot)
    assert "place" in after["problem"]["message"]
    await api.client.patch(f"{SCHEDULES}/{made['id']}", json={"workflow_version": 1})
    await harness.at_next_slot(made)
    assert len(harness.started()) == 1
    assert (await shown(api, made))["problem"] is None


async def test_a_log_that_is_down_delays_a_slot_and_loses_none(api: Running, harness: SchedulerHarness) -> None:
    made = await define(api)
    api.log.down = True
    with pytest.raises(Unavailable):
        await harness.at_next_slot(made)
    api.log.down = False
    await harness.scheduler().tick()
    assert len(harness.started()) == 1


async def test_a_backfill_runs_the_slots_that_were_not_run(api: Running, harness: SchedulerHarness) -> None:
    made = await define(api, interval_s=3600, overlap="skip", paused=True)
    span = {"from": "2026-11-01T00:00:00Z", "to": "2026-11-03T12:00:00Z"}
    answer = await api.client.post(f"{SCHEDULES}/{made['id']}/backfill", json=span)
    assert answer.status_code == 202, answer.text
    for _ in range(3):
        await harness.scheduler().tick()
    slots = [run.submission_id for run in harness.started()]
    assert (len(slots), slots[0], slots[-1]) == (60, "2026-11-01T00:00:00Z", "2026-11-03T11:00:00Z")
    (done,) = (await shown(api, made))["backfills"]
    assert (done["submitted"], done["from"], done["problem"]) == (60, "2026-11-01T00:00:00.000Z", None)
    assert done["finished_at"] is not None
    await api.client.post(f"{SCHEDULES}/{made['id']}/backfill", json=span | {"to": "2026-11-04T00:00:00Z"})
    for _ in range(3):
        await harness.scheduler().tick()
    assert len({run.run_id for run in harness.started()}) == len(harness.started()) == 72


@pytest.mark.parametrize(
    "span",
    [
        {"from": "2026-11-03T00:00:00Z", "to": "2026-11-01T00:00:00Z"},
        {"from": "2026-11-01T00:00:00Z", "to": "2999-11-01T00:00:00Z"},
        {"from": "2020-11-01T00:00:00Z", "to": "2026-11-01T00:00:00Z"},
        {"from": "2026-11-01T00:00:01Z", "to": "2026-11-01T00:00:02Z"},
        {"from": "2026-11-01T00:00:00", "to": "2026-11-02T00:00:00"},
    ],
)
async def test_backfills_that_are_refused(api: Running, span: dict[str, str]) -> None:
    made = await define(api)
    answer = await api.client.post(f"{SCHEDULES}/{made['id']}/backfill", json=span)
    assert answer.status_code == 422
    assert answer.json()["problems"]


async def test_defining_listing_changing_and_deleting(api: Running) -> None:
    made = await define(api, interval_s=None, cron="0 8 * * MON-FRI", time_zone="Europe/Berlin")
    assert [run[11:16] in ("06:00", "07:00") for run in made["next_runs"]] == [True] * 5
    again = await api.client.post(
        SCHEDULES,
        json={
            "name": "s",
            "workflow_name": "greeting",
            "inputs": INPUTS,
            "cron": "0 8 * * MON-FRI",
            "time_zone": "Europe/Berlin",
        },
    )
    assert (again.status_code, again.json()["id"]) == (200, made["id"])
    other = await api.client.post(
        SCHEDULES, json={"name": "s", "workflow_name": "greeting", "inputs": INPUTS, "interval_s": 5}
    )
    assert other.status_code == 409
    changed = await api.client.patch(f"{SCHEDULES}/{made['id']}", json={"interval_s": 7200, "overlap": "allow"})
    body = changed.json()
    assert (body["cron"], body["interval_s"], body["overlap"]) == (None, 7200, "allow")
    await define(api, name="t")
    taken = await api.client.patch(f"{SCHEDULES}/{made['id']}", json={"name": "t"})
    assert taken.status_code == 409
    assert [s["name"] for s in (await api.client.get(SCHEDULES)).json()["schedules"]] == ["s", "t"]
    assert (await api.client.delete(f"{SCHEDULES}/{made['id']}")).status_code == 204
    assert (await api.client.get(f"{SCHEDULES}/{made['id']}")).status_code == 404
    assert (await api.client.patch(f"{SCHEDULES}/{made['id']}", json={"paused": True})).status_code == 404


@pytest.mark.parametrize(
    ("change", "status", "path"),
    [
        ({"interval_s": None}, 422, "cron"),
        ({"cron": "* * * * *"}, 422, "cron"),
        ({"interval_s": None, "cron": "nonsense"}, 422, "cron"),
        ({"time_zone": "Mars/Olympus"}, 422, "time_zone"),
        ({"workflow_name": "nothing"}, 404, None),
        ({"inputs": {}}, 422, "inputs.language"),
        ({"overlap": "perhaps"}, 422, "overlap"),
        ({"every": 5}, 422, "every"),
    ],
)
async def test_schedules_that_are_refused(api: Running, change: dict[str, Any], status: int, path: str | None) -> None:
    body = {"name": "bad", "workflow_name": "greeting", "inputs": INPUTS, "interval_s": 60} | change
    answer = await api.client.post(SCHEDULES, json={k: v for k, v in body.items() if v is not None})
    assert answer.status_code == status, answer.text
    if path is not None:
        assert path in [p["path"].removeprefix("body.") for p in answer.json()["problems"]]


async def test_a_role_that_ticks_ends_by_a_defect_and_goes_on_after_an_outage() -> None:
    class Ticker:
        faults: list[Exception] = [Unavailable("x", "down"), Unavailable("x", "down")]
        ticks = 0

        async def tick(self) -> None:
            self.ticks += 1
            if self.faults:
                raise self.faults.pop()

        def paused(self) -> dict[Any, str]:
            return {}

    ticker = Ticker()
    app = TickApp("test", ticker, 0.001)
    await app.start()
    await until_async(lambda: app.ticks >= 2, 60, "it ticks again", 0.005)
    assert not app.crashed
    ticker.faults.append(RuntimeError("a defect"))
    await until_async(lambda: app.crashed, 60, "it has crashed", 0.005)
    await app.stop()
    assert str(app.crash_reason) == "a defect"
