"""A dependency that hangs is a state with a name and a beginning, entered and left with a line in the log."""

import asyncio

import pytest

from schemas.errors import Unavailable
from streams.process.dependencies import Dependencies
from tests.support.polling import until_async

ANSWER_S = 0.1
DEADLINE_S = 10.0


class Server:
    """Answers, hangs, or refuses."""

    def __init__(self) -> None:
        self.up = asyncio.Event()
        self.up.set()
        self.fault: Exception | None = None
        self.asked = 0

    async def ask(self) -> None:
        self.asked += 1
        await self.up.wait()
        if self.fault is not None:
            raise self.fault


@pytest.fixture
async def server():
    return Server()


@pytest.fixture
async def watched(server: Server):
    dependencies = Dependencies({"redis": server.ask, "kafka": Server().ask}, answer_s=ANSWER_S, every_s=0.01)
    dependencies.start()
    await until_async(lambda: server.asked, DEADLINE_S, "it is asked")
    yield dependencies
    await dependencies.stop()


async def test_what_hangs_is_waited_for_since_it_was_asked(server: Server, watched: Dependencies, caplog) -> None:
    assert watched.waiting() == []
    before = asyncio.get_running_loop().time()
    server.up.clear()
    await until_async(watched.waiting, DEADLINE_S, "it is known to hang")
    (state,) = watched.waiting()
    assert (state.name, state.waiting) == ("redis", True)
    assert "no answer within 0.1 s" in state.why
    assert before - 1 < state.since < before + DEADLINE_S
    assert state.seconds(state.since + 7) == 7
    server.up.set()
    await until_async(lambda: not watched.waiting(), DEADLINE_S, "it answers again")
    assert [record.action for record in caplog.records] == ["dependency_waiting", "dependency_back"]


async def test_what_is_optional_is_missed_and_not_waited_for(caplog) -> None:
    server = Server()
    dependencies = Dependencies({"nats": server.ask}, optional={"nats"}, answer_s=ANSWER_S, every_s=0.01)
    dependencies.start()
    await until_async(lambda: server.asked, DEADLINE_S, "it is asked")
    assert dependencies.missed() == []
    server.fault = Unavailable("nats", "gone")
    await until_async(dependencies.missed, DEADLINE_S, "it is known to be gone")
    assert dependencies.waiting() == []
    assert [state.why for state in dependencies.missed()] == ["nats: gone"]
    server.fault = None
    await until_async(lambda: not dependencies.missed(), DEADLINE_S, "it answers again")
    assert [record.action for record in caplog.records] == ["dependency_missed", "dependency_back"]
    await dependencies.stop()


async def test_what_refuses_is_named_with_its_reason_and_said_once(
    server: Server, watched: Dependencies, caplog
) -> None:
    server.fault = Unavailable("redis", "LOADING the data set")
    await until_async(watched.waiting, DEADLINE_S, "it is known to refuse")
    assert watched.waiting()[0].why == "redis: LOADING the data set"
    since = watched.waiting()[0].since
    asked = server.asked
    await until_async(lambda: server.asked > asked + 5, DEADLINE_S, "it is asked on")
    assert watched.waiting()[0].since == since
    assert sum(record.action == "dependency_waiting" for record in caplog.records) == 1


async def test_stopping_does_not_wait_for_what_hangs(server: Server, watched: Dependencies) -> None:
    server.up.clear()
    await until_async(watched.waiting, DEADLINE_S, "it is known to hang")
    async with asyncio.timeout(DEADLINE_S):
        await watched.stop()
