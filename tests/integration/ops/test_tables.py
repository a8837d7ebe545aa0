"""``python -m streams.ops`` against real engines and roles, as an operator runs it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from redis import Redis

from deploy.local.system import PARTITIONS, System
from streams.runtime.table.quarantine import ENTITY
from tests.support.client import define_workflow, get_run, merger, submission, submit, unique, wait_for_run
from tests.support.polling import until
from topics import catalogue
from topics.partitioner import partition_for

ROOT = Path(__file__).parents[3]
DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    data = tmp_path_factory.mktemp("tables")
    layout = {"orchestrator": ("orchestrator",), "rest": ("worker", "history", "budgets")}
    with System(data, durable=False, layout=layout) as started:
        yield started


def tables(system: System, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams.ops", *args], cwd=ROOT, env=os.environ | system.role_env("tables") | env,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def quarantined_run(system: System, flow: str) -> str:
    """Return a run of which the table says that its submission was set aside, as after a fault in a fold."""
    redis = Redis.from_url(system.endpoints.redis_url)
    orchestrator = system.roles["orchestrator"]
    orchestrator.stop()
    with system.client() as client:
        run = submit(client, submission(flow, {"text": "x"}), unique("run"))
    partition = partition_for(run.encode(), PARTITIONS)
    position = f"{{runs:{partition}}}:pos"
    offset = int(redis.hget(position, "offset") or 0)
    aside = orjson.dumps({"reason": "RuntimeError: a fault that is mended now", "offsets": [offset]})
    redis.hset(f"{{runs:{partition}}}:e:{ENTITY}", run, aside)
    redis.hset(position, "offset", offset + 1)
    redis.close()
    orchestrator.start()
    return run


def test_a_released_key_goes_on_and_its_run_ends(system: System) -> None:
    with system.client() as client:
        flow = define_workflow(client, merger("merge", inputs={"text": "{{text}}"}))
        wait_for_run(client, submit(client, submission(flow, {"text": "y"}), unique("run")))
        run = quarantined_run(system, flow)
        listed = tables(system, "list")
        assert (listed.returncode, listed.stderr) == (0, "quarantined keys: 1\n")
        assert run in listed.stdout
        assert "1 records wait" in listed.stdout
        assert "a fault that is mended now" in listed.stdout
        assert get_run(client, run)["status"] == "queued"

        released = tables(system, "release", run)
        assert (released.returncode, released.stdout, released.stderr) == (0, f"{run}: released\n", "")
        assert wait_for_run(client, run)["status"] == "succeeded"
        assert tables(system, "list").stderr == "quarantined keys: 0\n"
        again = tables(system, "release", run)
        assert again.returncode == 1
        assert again.stderr == f"tables release: '{run}' is not quarantined in runs; `list` shows what is\n"


def test_a_rebuilt_table_goes_on_with_what_it_had(system: System) -> None:
    redis = Redis.from_url(system.endpoints.redis_url)
    with system.client() as client:
        flow = define_workflow(client, merger("merge", inputs={"text": "{{text}}"}))
        runs = [submit(client, submission(flow, {"text": str(n)}), unique("run")) for n in range(12)]
        for run in runs:
            wait_for_run(client, run)
        partitions = [str(partition) for partition in range(PARTITIONS)]
        done = tables(system, "rebuild", *partitions)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count("its owner restores it now") == PARTITIONS

        def whole() -> bool:
            entries = [redis.hgetall(f"{{runs:{partition_for(run.encode(), PARTITIONS)}}}:e:{run}") for run in runs]
            stands = [redis.hget(f"{{runs:{partition}}}:pos", "offset") for partition in partitions]
            return all(found.get(b"st") == b"succeeded" for found in entries) and all(at is not None for at in stands)

        until(whole, DEADLINE_S, "the table is restored")
        assert (
            wait_for_run(client, submit(client, submission(flow, {"text": "z"}), unique("run")))["status"]
            == "succeeded"
        )
    redis.close()


def test_a_rebuild_without_the_checkpoint_wants_the_role_stopped(system: System) -> None:
    refused = tables(system, "rebuild", "0", "--from-log")
    assert refused.returncode == 1
    assert "of the orchestrator still in the group: stop all" in refused.stderr
    orchestrator = system.roles["orchestrator"]
    orchestrator.stop()
    try:
        done = tables(system, "rebuild", "0", "1", "2", "3", "--from-log")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[0] == "runs/0: the next owner restores it from offset 0 of the log"
    finally:
        orchestrator.start()
    with system.client() as client:
        flow = define_workflow(client, merger("merge", inputs={"text": "{{text}}"}))
        assert (
            wait_for_run(client, submit(client, submission(flow, {"text": "z"}), unique("run")))["status"]
            == "succeeded"
        )


def test_mistakes_are_one_line_each(system: System) -> None:
    beyond = tables(system, "rebuild", "99")
    assert (beyond.returncode, beyond.stderr) == (1, "tables rebuild: runs has the partitions 0 to 3, not 99\n")
    nonsense = tables(system, "list", TOPIC_PARTITIONS="many")
    assert nonsense.returncode == 2
    assert nonsense.stderr.count("\n") == 1
    nobody = tables(system, "list", KAFKA_BOOTSTRAP="127.0.0.1:1", REDIS_URL="redis://127.0.0.1:1/0")
    assert nobody.returncode == 3
    assert nobody.stderr.startswith("tables list: ")


def test_every_table_of_the_catalogue_is_looked_after() -> None:
    checkpoints = {topic.name for topic in catalogue.CATALOGUE if topic.name.endswith(".checkpoint")}
    helped = subprocess.run(
        [sys.executable, "-m", "streams.ops", "list", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert all(name.removesuffix(".checkpoint") in helped.stdout for name in checkpoints)
