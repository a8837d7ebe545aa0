"""Plays generated requests against every operation of the OpenAPI document: valid ones, and such as break its schemas.

Every answer must have a status that the document names for the operation, and none may be a 5xx.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode

from tests.key_matrix.stage import PROMPT, PROVIDER, WORKFLOW, Stage

SEED = 20261128
#: Of the requests of an operation, those that fit the document; the others break it somewhere.
VALID_SHARE = 0.6


@dataclass
class Played:
    """How many requests were sent, and what was wrong: a 5xx, or a status that the document does not name."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    undocumented: list[str] = field(default_factory=list)


async def play(stage: Stage, examples: int) -> Played:
    """Send so many requests to each operation, with the owner's key, from a thread of its own."""
    loop, played = asyncio.get_running_loop(), Played()

    def send(request: requests.PreparedRequest) -> httpx.Response:
        return asyncio.run_coroutine_threadsafe(_sent(stage, request), loop).result()

    document = stage.api.app.openapi()
    await asyncio.to_thread(_play, document, stage.things, examples, send, played)
    return played


async def _sent(stage: Stage, request: requests.PreparedRequest) -> httpx.Response:
    content = request.body.encode() if isinstance(request.body, str) else request.body
    # Of another organisation every request is refused, so a generated name would hide what is to be tested.
    own = ("authorization", "x-org-id")
    headers = {name: value for name, value in request.headers.items() if name.lower() not in own}
    client = stage.api.client if "/organisations" in (request.url or "") else stage.owner
    return await client.request(request.method or "", request.url or "", content=content, headers=headers)


def _play(
    document: dict[str, Any],
    things: dict[str, str],
    examples: int,
    send: Callable[[requests.PreparedRequest], httpx.Response],
    played: Played,
) -> None:
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = found.ok()
        for strategy, most in _strategies(operation, things, examples):
            _generate(strategy, most, lambda case, of=operation: _try(of, case, send, played))


def _generate(strategy: Any, most: int, attempt: Callable[[schemathesis.Case], None]) -> None:
    """Make so many requests of a strategy, the same ones each time."""

    @seed(SEED)
    @settings(
        max_examples=most,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def one(case: schemathesis.Case) -> None:
        attempt(case)

    one()


def _try(
    operation: Any, case: schemathesis.Case, send: Callable[[requests.PreparedRequest], httpx.Response], played: Played
) -> None:
    request = requests.Request(**case.as_transport_kwargs(base_url="http://api")).prepare()
    if request.method == "POST":
        request.url = _impatient(request.url or "")
    _judge(operation, request, send(request), played)


def _impatient(url: str) -> str:
    """Return the URL of a request that does not wait long: nobody answers the updates of these runs."""
    asked = httpx.URL(url)
    wait_ms = asked.params.get("timeout_ms", "0")
    is_number = wait_ms.isascii() and wait_ms.isdigit()
    return str(asked.copy_set_param("timeout_ms", "10")) if "/updates/" in asked.path and is_number else url


def _strategies(operation: Any, things: dict[str, str], examples: int) -> Iterator[tuple[Any, int]]:
    """Yield strategies with how many requests each makes: with things that are there, with any, and with wrong ones."""
    valid = max(1, round(examples * VALID_SHARE))
    known = _known(operation, things)
    if known:
        yield operation.as_strategy(path_parameters=known), (valid + 1) // 2
    if valid // 2 or not known:
        yield operation.as_strategy(), valid // 2 if known else valid
    if examples > valid and (operation.body or any(operation.iter_parameters())):
        yield operation.as_strategy(generation_mode=GenerationMode.NEGATIVE), examples - valid


def _known(operation: Any, things: dict[str, str]) -> dict[str, str]:
    """Return values of the path's parameters that are there."""
    path = operation.path
    name = PROVIDER if "/providers/" in path else PROMPT if "/prompts/" in path else WORKFLOW
    names = things | {"name": "go" if "/signals/" in path else name}
    return {one.name: names[one.name] for one in operation.path_parameters}


def _judge(operation: Any, request: requests.PreparedRequest, answer: httpx.Response, played: Played) -> None:
    played.requests += 1
    played.statuses[answer.status_code] += 1
    said = f"{operation.label}: {answer.status_code} for {request.method} {request.url} {request.body!r:.300}"
    if answer.status_code >= 500 and not _without_broker(answer):
        played.faults.append(f"{said}: {answer.text:.300}")
    if str(answer.status_code) not in operation.definition.raw["responses"]:
        played.undocumented.append(f"{said}: {answer.text:.300}")


def _without_broker(answer: httpx.Response) -> bool:
    """Return whether a record could not be read again: the log of these tests is in memory, and no broker is there."""
    return answer.status_code == 503 and answer.json().get("dependency") == "kafka"
