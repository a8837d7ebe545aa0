"""Documents are checked off the event loop: small ones in a thread, large ones in a process that may be killed."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from schemas.errors import InvalidSpec, Overloaded, Unavailable
from schemas.spec.inputs.known_inputs import ArgumentNames
from schemas.spec.nested import Family
from services.workflows.check_requests import Check
from services.workflows.checks import MAX_LARGE, SMALL_CHARS, DocumentChecks

#: The loop of a process with a busy thread: some turns of 5 ms each, on a machine that does other work.
LONGEST_TURN_S = 0.5


@pytest.fixture
async def checks() -> AsyncIterator[DocumentChecks]:
    found = DocumentChecks()
    yield found
    await found.close()


def workflow(nodes: int, tool: str = "s3.fetch") -> str:
    made = [{"id": f"n{n}", "type": "tool", "config": {"tool_name": tool}} for n in range(nodes)]
    return json.dumps({"name": "a", "version": 1, "dag": {"nodes": made}})


SMALL, LARGE = workflow(2), workflow(400)
NOTHING: dict[str, Any] = {
    "prompts": {},
    "functions": [],
    "further": [],
    "family": Family(),
    "arguments": ArgumentNames({}),
}


@pytest.mark.parametrize(("document", "small"), [(SMALL, True), (LARGE, False)], ids=["thread", "process"])
async def test_a_document_is_read_and_checked(checks: DocumentChecks, document: str, small: bool) -> None:
    assert (len(document) <= SMALL_CHARS) is small
    parsed = await checks.parse(document)
    assert parsed.small is small
    plan = await checks.check(Check(spec=parsed.spec, tools=["s3.fetch"], **NOTHING), small=small)
    assert plan.resolved.spec == parsed.spec
    with pytest.raises(InvalidSpec) as caught:
        await checks.check(Check(spec=parsed.spec, tools=["another"], **NOTHING), small=small)
    assert caught.value.problems[0].path == "dag.nodes[0].config.tool_name"
    with pytest.raises(InvalidSpec, match="more than"):
        await checks.parse("\n".join(f"key{n}: v" for n in range(60_000)))


@pytest.mark.parametrize("nodes", [1, 300], ids=["thread", "process"])
async def test_prompts_inside_of_nodes_are_read_and_their_problems_reported(checks: DocumentChecks, nodes: int) -> None:
    asks = {"id": "ask", "type": "llm", "config": {"prompt": "Say {{word}}"}}
    document = json.loads(workflow(nodes)) | {"name": "flow"}
    document["dag"]["nodes"].append(asks)
    parsed = await checks.parse(json.dumps(document))
    assert [(one.name, one.template) for one in parsed.inline] == [("flow.ask", "Say {{word}}")]
    asks["config"] = {"prompt": ""}
    with pytest.raises(InvalidSpec) as caught:
        await checks.parse(json.dumps(document))
    assert [one.path for one in caught.value.problems] == [f"dag.nodes[{nodes}].config.prompt"]


async def test_a_document_over_the_time_limit_is_refused_and_the_next_one_is_checked() -> None:
    checks = DocumentChecks(limit_s=0.001)
    with pytest.raises(InvalidSpec, match=r"takes over 0\.001 s to check; split the workflow"):
        await checks.parse(LARGE)
    assert (await checks.parse(SMALL)).small
    await checks.close()


async def test_a_process_that_was_killed_is_started_again(checks: DocumentChecks) -> None:
    await checks.parse(LARGE)
    process = checks._process._process
    assert process is not None
    process.kill()
    process.wait()
    assert (await checks.parse(LARGE)).spec.name == "a"


async def test_a_process_that_ends_during_a_check_is_503(checks: DocumentChecks) -> None:
    await checks.parse(LARGE)
    process = checks._process._process
    assert process is not None
    waiting = asyncio.create_task(checks.parse(" " * 900_000 + LARGE))
    await asyncio.sleep(0)
    process.kill()
    outcome = (await asyncio.gather(waiting, return_exceptions=True))[0]
    assert isinstance(outcome, Unavailable) or not isinstance(outcome, BaseException)
    assert (await checks.parse(LARGE)).spec.name == "a"


async def test_more_large_documents_than_may_wait_are_refused_and_small_ones_are_not(checks: DocumentChecks) -> None:
    outcomes = asyncio.gather(*(checks.parse(LARGE) for _ in range(MAX_LARGE + 3)), return_exceptions=True)
    assert (await checks.parse(SMALL)).small
    refused = [one for one in await outcomes if isinstance(one, Overloaded)]
    assert len(refused) == 3
    assert (await checks.parse(LARGE)).spec.name == "a"


async def test_the_loop_turns_while_a_large_document_is_checked(checks: DocumentChecks) -> None:
    await checks.parse(LARGE)
    checking = asyncio.create_task(checks.parse("x: [" + "[1, 2, 3, 4], " * 12_000 + "]"))
    longest = 0.0
    while not checking.done():
        began = time.perf_counter()
        await asyncio.sleep(0)
        longest = max(longest, time.perf_counter() - began)
        await asyncio.sleep(0.002)
    assert longest < LONGEST_TURN_S
    with pytest.raises(InvalidSpec):
        await checking
