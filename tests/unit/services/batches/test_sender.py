"""What becomes of batches that providers refuse, lose, expire or have twice."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from pydantic import SecretStr

from bench.batching import server as batch_served
from bench.batching.server import BatchServer, Served, batch_server, prompt_of
from bench.batching.world import MODELS, START_MS, Killer, Step, World, price_of
from connectors.prices.book import PriceBook
from connectors.providers.batching.anthropic import AnthropicBatches
from connectors.providers.batching.exchanges import LONG_S
from connectors.providers.batching.openai import OpenAIBatches
from connectors.providers.batching.port import Candidate, Job
from connectors.providers.http_answer import Sent
from connectors.providers.http_provider import HttpProvider
from schemas.errors import StepError
from schemas.records.money import CostEvent, ProviderCall

HOUR_MS = 3_600_000


@pytest.fixture
async def server() -> AsyncIterator[BatchServer]:
    async with batch_server(lasts_ms=600_000) as found:
        found.now_ms = START_MS
        yield found


async def played(world: World, ticks: int = 200, step_ms: int = 60_000) -> None:
    role = world.role(Killer())
    for _ in range(ticks):
        await world.worker(Killer())
        await role.work()
        world.clock.ms += step_ms
        world.server.now_ms = world.clock.ms
        if all(step.is_done for step in world.steps):
            return


def amounts(world: World) -> list[tuple[str, int]]:
    return sorted((one.kind, one.amount_nano) for found in world.paid().values() for one in found)


async def test_calls_that_expire_are_made_at_once_or_fail(server: BatchServer, tmp_path: Path) -> None:
    auto, only = Step(0, MODELS[0], "auto"), Step(1, MODELS[0], "only")
    server.unmade = {auto.prompt, only.prompt}
    world = World(tmp_path, server, [auto, only])
    await played(world)
    await world.close()
    assert auto.text == f"answer to {auto.prompt}"
    assert only.error is not None
    assert (only.error.code, only.error.retryable) == ("batch_expired", False)
    assert (server.plain[auto.prompt], server.plain[only.prompt]) == (1, 0)
    assert [amount for _, amount in amounts(world)].count(0) == 2, "nothing is paid for what was not made"


async def test_a_batch_that_is_refused_whole_fails_or_is_made_at_once(
    server: BatchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from connectors.providers.batching.openai import OpenAIBatches
    from connectors.providers.batching.port import Polled

    async def failed(*_: object) -> Polled:
        return Polled("failed", problem="token_limit_exceeded")

    monkeypatch.setattr(OpenAIBatches, "poll", failed)
    auto, only = Step(0, MODELS[0], "auto"), Step(1, MODELS[0], "only")
    world = World(tmp_path, server, [auto, only])
    await played(world)
    await world.close()
    assert server.plain[auto.prompt] == 1
    assert only.error is not None
    assert only.error.code == "batch_refused"
    assert "token_limit_exceeded" in str(only.error)


async def test_a_batch_that_the_provider_lost_is_presumed(server: BatchServer, tmp_path: Path) -> None:
    step = Step(0, MODELS[1], "auto")
    world = World(tmp_path, server, [step])
    await played(world, ticks=3)
    server.batches.clear()
    await played(world)
    await world.close()
    assert step.error is not None
    assert (step.error.code, step.error.details["outcome"]) == ("batch_lost", "unknown")
    ((kind, amount),) = amounts(world)
    assert kind == "presumed"
    assert amount > 0


async def test_a_lost_reply_waits_for_the_batch_that_may_be_it_and_sends_no_other(
    server: BatchServer, tmp_path: Path
) -> None:
    step = Step(0, MODELS[1])
    server.lose_replies, server.lasts_ms = 1, 3 * HOUR_MS
    world = World(tmp_path, server, [step])
    await played(world, ticks=400)
    await world.close()
    assert step.text is not None
    assert server.made[step.prompt] == 1
    assert len(server.batches) == 1
    assert amounts(world) == [("actual", price_of(step, server))]


async def test_a_refused_creation_ends_its_calls_for_nothing(
    server: BatchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object) -> str:
        raise StepError("provider_no_credit", "no credit", details={"status": "402"})

    monkeypatch.setattr(AnthropicBatches, "create", refused)
    step = Step(0, MODELS[1])
    world = World(tmp_path, server, [step])
    await played(world)
    await world.close()
    assert step.error is not None
    assert step.error.code == "provider_no_credit"
    assert amounts(world) == [("actual", 0)]


async def test_a_batch_that_is_late_is_canceled(server: BatchServer, tmp_path: Path) -> None:
    step = Step(0, MODELS[0])
    server.lasts_ms = 40 * HOUR_MS
    world = World(tmp_path, server, [step])
    await played(world, ticks=60, step_ms=HOUR_MS)
    await world.close()
    assert step.error is not None
    assert step.error.code == "batch_expired"
    assert server.made.total() == 0
    assert any(asked.endswith("/cancel") for asked in server.asked)


async def test_a_call_with_an_sla_that_is_too_short_is_made_at_once(server: BatchServer, tmp_path: Path) -> None:
    step = Step(0, MODELS[0], "auto")
    world = World(tmp_path, server, [step])
    call = world.call(step)
    short = structs.replace(call, sla_ms=86_399_999)
    answer = await world.make(Killer())(short)
    await world.close()
    assert answer.response.text == f"answer to {step.prompt}"
    assert server.plain[step.prompt] == 1
    assert world.store.items == {}


async def test_an_answer_that_no_record_can_carry_ends_its_call_alone(
    server: BatchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = Step(0, MODELS[0]), Step(1, MODELS[0])
    made = batch_served._completion

    def damaged(body: dict[str, Any], used: tuple[int, int]) -> dict[str, Any]:
        return made(body, used) | ({"id": "chat\0cmpl"} if prompt_of(body) == bad.prompt else {})

    monkeypatch.setattr(batch_served, "_completion", damaged)
    world = World(tmp_path, server, [bad, good])
    await played(world)
    await world.close()
    assert good.text is not None
    assert bad.error is not None
    assert bad.error.code == "bad_output"
    assert sorted(kind for kind, _ in amounts(world)) == ["actual", "presumed"]


async def test_a_refused_look_up_settles_nothing_while_the_batch_may_be_there(
    server: BatchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, refusals = AnthropicBatches.find, 3

    async def refused(self: AnthropicBatches, job: Job, since_ms: int) -> list[Candidate]:
        nonlocal refusals
        refusals -= 1
        if refusals >= 0:
            raise StepError("provider_rejected", "the key was revoked", details={"status": "401"})
        return await find(self, job, since_ms)

    monkeypatch.setattr(AnthropicBatches, "find", refused)
    step = Step(0, MODELS[1])
    server.lose_replies = 1
    world = World(tmp_path, server, [step])
    await played(world, ticks=400)
    await world.close()
    assert step.text is not None
    assert amounts(world) == [("actual", price_of(step, server))]


async def test_a_status_that_is_new_is_no_end(
    server: BatchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, looks = BatchServer._shown, 5

    def strange(self: BatchServer, batch: Served) -> dict[str, Any]:
        nonlocal looks
        looks -= 1
        return shown(self, batch) | ({"status": "queued_for_capacity"} if looks >= 0 else {})

    monkeypatch.setattr(BatchServer, "_shown", strange)
    step = Step(0, MODELS[0])
    world = World(tmp_path, server, [step])
    await played(world)
    await world.close()
    assert step.text is not None
    assert server.made[step.prompt] == 1
    assert amounts(world) == [("actual", price_of(step, server))]


async def test_a_batch_whose_questions_travel_with_it_may_take_as_long_as_an_upload(
    server: BatchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    took: dict[str, float] = {}
    exchange = HttpProvider.exchange

    async def watched(self: HttpProvider, sent: Sent, key: SecretStr | None, timeout_s: float, most: int) -> bytes:
        took[f"{sent.method} {sent.path}"] = timeout_s
        return await exchange(self, sent, key, timeout_s, most)

    monkeypatch.setattr(HttpProvider, "exchange", watched)
    world = World(tmp_path, server, [Step(0, MODELS[0]), Step(1, MODELS[1])])
    await played(world)
    await world.close()
    assert took["POST files"] == took["POST messages/batches"] == LONG_S
    assert took["POST batches"] < LONG_S


async def test_a_cost_that_the_service_states_is_booked_once_where_the_organisation_says_so(
    server: BatchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = batch_served._completion

    def stating(body: dict[str, Any], used: tuple[int, int]) -> dict[str, Any]:
        answer = made(body, used)
        return answer | {"usage": answer["usage"] | {"cost": "0.000001"}}

    monkeypatch.setattr(batch_served, "_completion", stating)
    monkeypatch.setattr(PriceBook, "cost_source", lambda *_: "provider")
    step = Step(0, MODELS[0])
    world = World(tmp_path, server, [step])
    await played(world)
    await world.close()
    # The role settles it, and the worker books the same with the step's outcome.
    settled = [(one.amount_nano, one.cost_source) for one in world.log if isinstance(one, CostEvent)]
    assert settled == [(1_000, "provider")] * 2
    assert [one.cost_nano for one in world.log if isinstance(one, ProviderCall)] == [1_000]


async def test_files_are_removed_at_the_provider_once_their_batch_has_ended(
    server: BatchServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path, server, [Step(0, MODELS[0])])
    await played(world)
    assert world.steps[0].text is not None
    assert (server.files, server.removed) == ({}, {"file-0", "out-b0", "err-b0"})
    service = OpenAIBatches(world.providers["openai"], server.url)  # type: ignore[arg-type]
    await service.discard("file-0", None)
    assert caplog.records == [], "one that is gone is no error"
    await world.close()


async def test_a_provider_that_removes_no_file_keeps_no_batch_open(
    server: BatchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refused(*_: object) -> None:
        raise StepError("provider_rejected", "files may not be removed", details={"status": "403"})

    monkeypatch.setattr(OpenAIBatches, "discard", refused)
    world = World(tmp_path, server, [Step(0, MODELS[0])])
    await played(world)
    await world.close()
    assert world.steps[0].text is not None
    (line,) = [record for record in caplog.records if getattr(record, "action", "") == "files_stay"]
    assert "files may not be removed" in line.getMessage()


class Counted:
    """What was counted."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()

    def sent(self, provider: str) -> None:
        self.found[f"sent {provider}"] += 1

    def ended(self, outcome: str, calls: int) -> None:
        self.found[outcome] += calls


async def test_batches_and_the_ends_of_their_calls_are_counted(server: BatchServer, tmp_path: Path) -> None:
    steps = [Step(n, MODELS[0], "only") for n in range(3)]
    server.unmade = {steps[0].prompt}
    world = World(tmp_path, server, steps)
    world.counts = counts = Counted()
    await played(world)
    await world.close()
    assert counts.found == {"sent openai": len(server.batches), "answered": 2, "expired": 1}
