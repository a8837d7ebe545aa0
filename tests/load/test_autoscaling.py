"""Real lag into KEDA's formula drives workers from one to six and back: nothing is lost or doubled, nothing flaps."""

import asyncio
import time
from collections.abc import Iterator, Sequence

import pytest

from deploy.local.roles import RoleProcess
from deploy.local.system import ORG, System
from deploy.sizing.autoscaling import Autoscaler
from tests.support.checker import Checker
from tests.support.crashes import LAYOUT, PROMPT, WORKFLOW, model_process
from topics import clients

PARTITIONS, RUNS, MOST = 12, 400, 6
#: As in the chart; a minute between two pods that leave is three seconds here.
LAG_PER_REPLICA, DOWN_EVERY_S = 40, 3.0
LOOK_S = 1.0
DEADLINE_S = 240.0
GROUP, TOPIC = "agentflow.worker", "step-requests.silver"


@pytest.fixture
def system(tmp_path) -> Iterator[System]:
    model = model_process(tmp_path, 400)
    try:
        model.start()
        env = {"LOCAL_PROVIDER_URL": f"http://127.0.0.1:{model.ready['port']}", "WORKER_CONCURRENCY": "5"}
        with System(tmp_path, durable=False, layout=LAYOUT, env=env, partitions=PARTITIONS) as system:
            with system.client() as client:
                client.post("/api/v1/prompts", json=PROMPT).raise_for_status()
                client.post("/api/v1/workflows", json=WORKFLOW).raise_for_status()
            yield system
    finally:
        model.stop()


@pytest.mark.timeout(600)
@pytest.mark.exhaustive
def test_lag_drives_workers_up_and_down_again(system: System, capsys: pytest.CaptureFixture[str]) -> None:
    others = [system.role(f"worker-{number}", ["worker"]) for number in range(2, MOST + 1)]
    accepted = submit(system)
    counts, peak, drained_s = scale(system, others)
    report = asyncio.run(Checker(system.endpoints, PARTITIONS, ORG, accepted).settled(90))
    with capsys.disabled():
        print(f"\nworkers {counts}, peak lag {peak}, drained in {drained_s:.1f} s")  # noqa: T201 - figures of the test
    assert (max(counts), counts[-1]) == (MOST, 1), counts
    top = counts.index(MOST)
    assert list(counts[:top]) == sorted(counts[:top]), "it goes up without a way back"
    assert list(counts[top:]) == sorted(counts[top:], reverse=True), "and down without another way up"
    assert report.problems == []
    assert (len(report.lost), len(report.doubled), report.money_difference_nano) == (0, 0, 0)


def submit(system: System) -> set[str]:
    accepted = set()
    with system.client() as client:
        for number in range(RUNS):
            body = {"workflow_name": "three_steps", "inputs": {"text": f"Text {number}. It has two sentences."}}
            answer = client.post("/api/v1/workflows/runs", json=body, headers={"Idempotency-Key": f"scale-{number}"})
            answer.raise_for_status()
            accepted.add(answer.json()["id"])
    return accepted


def scale(system: System, others: Sequence[RoleProcess]) -> tuple[list[int], int, float]:
    """Do what KEDA would until one worker is left; return the counts, the peak of the lag, and when it was gone."""
    scaler, counts, peak, drained_s = Autoscaler(LAG_PER_REPLICA, 1, MOST, DOWN_EVERY_S), [1], 0, 0.0
    began = time.monotonic()
    try:
        while time.monotonic() - began < DEADLINE_S:
            lags = asyncio.run(lag_of(system.endpoints.kafka_bootstrap))
            peak = max(peak, sum(lags))
            if peak and not sum(lags) and not drained_s:
                drained_s = time.monotonic() - began
            wish = scaler.step({TOPIC: lags}, time.monotonic())
            if wish != counts[-1]:
                counts.append(wish)
                become(others, wish)
            if drained_s and wish == 1:
                return counts, peak, drained_s
            time.sleep(LOOK_S)
        raise AssertionError(f"one worker is not reached within {DEADLINE_S:.0f} s: {counts}, lag {lags}")
    finally:
        for worker in others:
            worker.stop()


def become(others: Sequence[RoleProcess], wish: int) -> None:
    for number, worker in enumerate(others, 2):
        if number <= wish and worker.pid is None:
            worker.launch()
        elif number > wish and worker.pid is not None:
            worker.stop()


async def lag_of(bootstrap: str) -> list[int]:
    """Return the lag of the group on each partition, as KEDA counts it: from the offsets that the group has stored."""
    admin, consumer = clients.admin(bootstrap, 10_000), clients.consumer(bootstrap)
    await admin.start()
    await consumer.start()
    try:
        stored = {place: found.offset for place, found in (await admin.list_consumer_group_offsets(GROUP)).items()}
        places = [place for place in stored if place.topic == TOPIC]
        ends = await consumer.end_offsets(places) if places else {}
        return [max(0, ends[place] - max(0, stored[place])) for place in places] or [0]
    finally:
        await consumer.stop()
        await admin.close()
