"""Isolated calls in real processes: what they return, what they raise, how they end."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connectors.tools import Registry, ToolContext
from connectors.tools.isolation.process_pool import Processes
from connectors.tools.isolation.raised import CallRaised
from connectors.tools.isolation.thread_pool import Progress
from connectors.tools.tools_file import ToolsFile
from schemas.errors import StepError, TryLater
from tests.support import bad_tools

DEADLINE_S = 20.0


class _NoObjects:
    async def get(self, org_id: str, reference: Any) -> bytes:
        raise AssertionError


def context() -> ToolContext:
    return ToolContext("acme", "run", "step", "run:step", Path("documents"), _NoObjects())


class Stage:
    def __init__(self) -> None:
        self.pool = Processes(2)
        self.registry = Registry()
        self.registry.isolate(self.pool, "process")

    async def call(self, made_of: Any, config: dict[str, Any] | None = None, **args: Any) -> Any:
        name = made_of.__name__
        if name not in self.registry.names("tool"):
            self.registry.tool(name)(made_of)
        async with asyncio.timeout(DEADLINE_S):
            return await self.registry.call("tool", name, args, context(), config)

    async def error(self, made_of: Any, **args: Any) -> StepError:
        with pytest.raises(StepError) as caught:
            await self.call(made_of, **args)
        return caught.value


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    await stage.pool.close()


async def test_results_context_and_configuration_come_through(stage: Stage) -> None:
    first = await stage.call(bad_tools.good, n=7)
    assert first["n"] == 7
    assert first["pid"] != os.getpid()
    assert (await stage.call(bad_tools.good))["pid"] == first["pid"], "a process serves many calls"
    assert await stage.call(bad_tools.keyed, n=2) == {"key": "run:step", "run": "run", "n": 2}
    assert await stage.call(bad_tools.Configured, {"unit": "km"}, n=3) == "3 km 1"
    assert await stage.call(bad_tools.Configured, {"unit": "km"}, n=4) == "4 km 2"


async def test_errors_come_through_as_in_a_thread(stage: Stage) -> None:
    error = await stage.error(bad_tools.step_error, after_ms=50)
    assert (error.code, error.retryable, error.retry_after_ms, error.details) == ("own_code", True, 50, {"a": "b"})
    assert (await stage.error(bad_tools.good, n="x")).code == "bad_arguments"
    with pytest.raises(TryLater, match="no answer") as later:
        await stage.call(bad_tools.unavailable)
    assert later.value.retry_after_s == 2.0
    error = await stage.error(bad_tools.Configured, n=1, config={"unit": "exit"})
    assert (error.code, "SystemExit: 5" in str(error)) == ("bad_config", True)


async def test_whatever_is_raised_ends_the_call_and_not_the_process(stage: Stage) -> None:
    before = await stage.call(bad_tools.good)
    for name in bad_tools.RAISED:
        with pytest.raises(CallRaised, match=f"^{name}: ") as caught:
            await stage.call(bad_tools.raises, name=name)
        assert "bad_tools.py" in caught.value.frames
        assert "process_child" not in caught.value.frames
    assert (await stage.call(bad_tools.good))["pid"] == before["pid"]


@pytest.mark.parametrize(
    ("made_of", "args", "said"),
    [
        (bad_tools.exits_hard, {"code": 3}, "ended with exit code 3"),
        (bad_tools.kills_itself, {}, "was killed by signal 9 (SIGKILL)"),
        (bad_tools.kills_itself, {"sign": signal.SIGTERM}, "was killed by signal 15 (SIGTERM)"),
        (bad_tools.crashes, {}, "was killed by signal 11 (SIGSEGV)"),
    ],
)
async def test_the_end_of_a_process_ends_its_call_alone(stage: Stage, made_of: Any, args: Any, said: str) -> None:
    beside = asyncio.create_task(stage.call(bad_tools.sleeps, seconds=0.5))
    await asyncio.sleep(0.1)
    error = await stage.error(made_of, **args)
    assert (error.code, error.retryable) == ("process_died", True)
    assert said in str(error)
    assert error.details == {"outcome": "unknown"}
    assert await beside == "slept"
    assert (await stage.call(bad_tools.good, n=1))["n"] == 1, "it was replaced"


async def test_memory_is_bounded_for_each_call(stage: Stage) -> None:
    stage.registry.tool("bounded", memory_mb=256)(bad_tools.takes_memory)
    assert await stage.registry.call("tool", "bounded", {"mb": 100}, context()) == 100 << 20
    with pytest.raises(StepError, match="more than 256 MiB") as caught:
        await stage.registry.call("tool", "bounded", {"mb": 512}, context())
    assert (caught.value.code, caught.value.retryable) == ("memory_exceeded", False)
    assert await stage.registry.call("tool", "bounded", {"mb": 200}, context()) == 200 << 20


async def test_a_call_that_is_given_up_is_killed_and_its_place_is_free(stage: Stage) -> None:
    for _ in range(4):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await stage.registry.call("tool", "loops", {}, context()) if _ else await stage.call(bad_tools.loops)
    started = time.monotonic()
    assert (await stage.call(bad_tools.good, n=5))["n"] == 5
    assert time.monotonic() - started < 5


async def test_a_call_without_a_place_has_not_started(stage: Stage) -> None:
    await stage.call(bad_tools.good)
    holding = [asyncio.create_task(stage.call(bad_tools.sleeps)) for _ in range(2)]
    await asyncio.sleep(0.3)
    progress = Progress()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await stage.registry.call("tool", "good", {}, context(), None, progress)
    assert not progress.started
    for task in holding:
        task.cancel()
    await asyncio.gather(*holding, return_exceptions=True)


async def test_what_is_no_json_is_a_bad_output(stage: Stage) -> None:
    for what in ("set", "nan", "big", "surrogate"):
        assert (await stage.error(bad_tools.not_json, what=what)).code == "bad_output"
    assert await stage.call(bad_tools.not_json, what="null") is None


async def test_what_no_module_has_is_refused(stage: Stage) -> None:
    def local() -> None: ...

    assert (await stage.error(local)).code == "not_importable"


MINE = """
from agentflow import function, tool

@function(memory_mb=64)
def shout(*, text: str) -> str:
    return text.upper()

@tool("mine.keyed", isolation="process")
class Keyed:
    def __init__(self, *, unit: str = "m") -> None:
        self.unit = unit

    def __call__(self, *, n: int) -> str:
        return f"{n} {self.unit}"
"""


async def test_a_users_file_runs_in_processes_too(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "mytools.py").write_text(MINE)
    ToolsFile(tmp_path / "mytools.py", stage.registry).load()
    assert sorted(entry.name for entry in stage.registry.in_processes()) == ["mine.keyed", "shout"]
    assert await stage.registry.call("function", "shout", {"text": "abc"}, context()) == "ABC"
    assert await stage.registry.call("tool", "mine.keyed", {"n": 2}, context(), {"unit": "km"}) == "2 km"


async def test_an_async_tool_may_be_isolated(stage: Stage) -> None:
    stage.registry.tool("own", isolation="process")(bad_tools.raises_async)
    with pytest.raises(CallRaised, match=r"^SystemExit: 2"):
        await stage.registry.call("tool", "own", {"name": "SystemExit"}, context())


async def test_a_fork_server_that_dies_is_replaced(stage: Stage) -> None:
    await stage.call(bad_tools.good)
    server = stage.pool._server
    assert server is not None
    server._process.kill()
    server._process.wait()
    assert (await stage.call(bad_tools.good, n=9))["n"] == 9


ORPHANS = """
import asyncio, os, sys
from pathlib import Path
from connectors.tools.isolation.process_pool import Processes
from connectors.tools.isolation.process_wire import Job, Place
from connectors.tools.isolation.thread_pool import Progress
from tests.support import bad_tools

async def main():
    pool = Processes(2)
    def job(made_of):
        return Job("tool", made_of.__name__, Place.of(made_of), {}, {}, None, None)
    pid = (await pool.run(job(bad_tools.good), Progress()))["pid"]
    task = asyncio.ensure_future(pool.run(job(bad_tools.loops), Progress()))
    await asyncio.sleep(0.2)
    print(pid, pool._server._process.pid, flush=True)
    await task

asyncio.run(main())
"""


def test_no_process_outlives_a_killed_worker() -> None:
    worker = subprocess.Popen([sys.executable, "-c", ORPHANS], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    pids = [int(pid) for pid in worker.stdout.readline().split()]
    assert len(pids) == 2
    assert all(map(_runs, pids))
    worker.kill()
    worker.wait()
    worker.stdout.close()
    deadline = time.monotonic() + DEADLINE_S
    while any(map(_runs, pids)):
        assert time.monotonic() < deadline, "a process outlived its worker"
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
