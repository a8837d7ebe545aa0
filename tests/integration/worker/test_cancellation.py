"""Calls in flight of a run that ends are broken off, and their money is settled as for any call without an answer."""

import asyncio

from connectors.tools import Registry
from schemas.records.run_events import StepFailed, StepSucceeded
from tests.support.worker import Bench, function, llm, tool, until


async def test_a_model_call_is_broken_off_presumed_and_told(bench: Bench) -> None:
    bench.provider.gate.clear()
    request = bench.request(llm("hello"))
    await bench.ask(request)
    pump = bench.worker()
    await pump.start()
    await until(lambda: bench.provider.running == 1)
    bench.aborts.end(request.run_id)
    await until(lambda: bench.provider.running == 0)
    await bench.idle(pump)
    (result,) = bench.results()
    assert isinstance(result, StepFailed)
    assert (result.error.code, result.error.retryable) == ("canceled", True)
    (call,) = bench.calls()
    assert (call.outcome, call.error_code) == ("unknown", "canceled")
    (cost,) = bench.costs()
    assert (cost.kind, cost.call_id) == ("presumed", call.call_id)
    assert cost.amount_nano == result.cost_nano > 0


async def test_other_runs_are_left_alone(bench: Bench) -> None:
    bench.provider.gate.clear()
    ended, other = bench.request(llm("hello")), bench.request(llm("hello"))
    await bench.ask(ended, other)
    pump = bench.worker()
    await pump.start()
    await until(lambda: bench.provider.running == 2)
    bench.aborts.end(ended.run_id)
    await until(lambda: bench.provider.running == 1)
    bench.provider.gate.set()
    await bench.idle(pump)
    results = {result.run_id: type(result) for result in bench.results()}
    assert results == {ended.run_id: StepFailed, other.run_id: StepSucceeded}


async def test_a_call_that_has_not_begun_is_not_made_and_costs_nothing(bench: Bench) -> None:
    request = bench.request(llm("hello"))
    bench.aborts.end(request.run_id)
    await bench.ask(request)
    pump = bench.worker()
    await pump.start()
    await bench.idle(pump)
    assert not bench.provider.calls
    (result,) = bench.results()
    assert (result.error.code, result.cost_nano) == ("canceled", 0)
    assert not bench.costs()
    assert not await bench.held()


async def test_tools_and_slow_functions_are_broken_off_too(bench: Bench) -> None:
    registry, running, ended = Registry(), asyncio.Semaphore(0), []

    async def wait_for_ever() -> None:
        running.release()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(1)

    registry.tool("endless")(wait_for_ever)
    registry.function("endless")(wait_for_ever)
    bench.registry = registry
    requests = [
        bench.request(work("endless"), run_id="the-run", step_id=f"s{i}") for i, work in enumerate((tool, function))
    ]
    await bench.ask(*requests)
    pump = bench.worker()
    await pump.start()
    for _ in requests:
        await running.acquire()
    bench.aborts.end("the-run")
    await bench.idle(pump)
    assert len(ended) == 2
    assert [result.error.code for result in bench.results()] == ["canceled", "canceled"]


async def test_a_step_that_compensates_is_worked_on_although_the_run_has_ended(bench: Bench) -> None:
    bench.provider.gate.clear()
    request = bench.request(llm("hello"), compensation=True)
    await bench.set_status(request.run_id, "failed")
    bench.aborts.end(request.run_id)
    await bench.ask(request)
    pump = bench.worker()
    await pump.start()
    await until(lambda: bench.provider.running == 1)
    bench.aborts.end(request.run_id)
    bench.provider.gate.set()
    await bench.idle(pump)
    (result,) = bench.results()
    assert isinstance(result, StepSucceeded)


async def test_no_other_step_of_an_ended_run_is(bench: Bench) -> None:
    request = bench.request(llm("hello"))
    await bench.set_status(request.run_id, "failed")
    await bench.ask(request)
    pump = bench.worker()
    await pump.start()
    await bench.idle(pump)
    assert bench.results() == []
    assert not bench.provider.calls
