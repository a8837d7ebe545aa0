"""A worker's heartbeat says how much memory its process has, so that the doctor finds one that is near its limit."""

from dataclasses import asdict

import orjson

from connectors.redis.worker_registry import Said
from streams.roles.worker.heartbeat import voice


def test_a_heartbeat_has_the_memory_of_the_process_and_its_limit() -> None:
    said = voice("w", ["step-requests.gold"], 10, lambda: 0, 0)(False)
    assert said.memory_bytes is not None
    assert said.memory_limit_bytes is not None
    assert 0 < said.memory_bytes < said.memory_limit_bytes


def test_a_heartbeat_of_an_older_worker_has_no_memory() -> None:
    """Two versions run side by side during an upgrade."""
    old = {name: value for name, value in asdict(_said()).items() if not name.startswith("memory_")}
    read = orjson.loads(orjson.dumps(old))
    assert Said(**{**read, "lanes": tuple(read["lanes"])}).memory_bytes is None


def _said() -> Said:
    return Said("w/1", "w", ("step-requests.gold",), 1, 0, "1", 0)
