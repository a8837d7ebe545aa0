"""A verified replay calls pure functions of the registry, with stored values, and nothing else."""

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from connectors.tools.registry import Registry
from schemas.errors import Rejected
from schemas.payload import Reference
from schemas.records.steps import Link, StepRequest, ToolCall
from streams.core.replay.effects import NotHere
from streams.replay.functions import WorkerFunctions
from tests.support.runs import World, function


class Store:
    """Stored values by hash."""

    async def part(self, _org_id: str, payload: Reference, _path: Any) -> Any:
        if payload.sha256 == "gone":
            raise Rejected("the object is gone")
        return "stored"


def functions() -> WorkerFunctions:
    registry = Registry()

    @registry.function("echo", blocking=False)
    def echo(*, x: str = "") -> dict[str, str]:
        return {"x": x}

    return WorkerFunctions(registry, Path(), Store())  # type: ignore[arg-type]


def request(sha256: str = "") -> StepRequest:
    ran = World()
    ran.submit(function("a", inputs={"x": "{{x}}"}), inputs={"x": "there"})
    (made,) = ran.requests
    if not sha256:
        return made
    reference = Reference(uri="objects:///acme/1", sha256=sha256, size=1)
    return structs.replace(made, args={"x": None}, links=[Link(at=["x"], payload=reference)])


async def test_a_function_is_called_with_its_arguments() -> None:
    found = functions()
    assert await found.call(request(), await found.bind(request())) == {"x": "there"}
    assert await found.call(request("1"), await found.bind(request("1"))) == {"x": "stored"}


async def test_what_is_gone_or_unknown_is_taken_from_the_log() -> None:
    found = functions()
    with pytest.raises(NotHere, match="stored values that are gone"):
        await found.bind(request("gone"))
    unknown = structs.replace(request(), work=structs.replace(request().work, name="other"))
    with pytest.raises(NotHere, match="no function other"):
        await found.call(unknown, {})
    with pytest.raises(NotHere, match="no function echo"):
        await found.call(structs.replace(request(), work=ToolCall(name="echo")), {})
