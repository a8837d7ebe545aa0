"""The registry: arguments checked by type hints, plain, async and blocking callables."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from connectors.objects.store import LocalObjects
from connectors.tools import REGISTRY, Registry, ToolContext
from connectors.tools.arguments import argument_problems
from connectors.tools.entries import unknown_arguments
from schemas.errors import Problem, StepError
from schemas.spec.model import WorkflowSpec


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    return ToolContext("acme", "run", "step", "run:step:1", tmp_path, LocalObjects(tmp_path / "objects"))


@pytest.fixture
def registry() -> Registry:
    registry = Registry()

    @registry.tool("shop.order")
    async def order(context: ToolContext, *, item: str, count: int = 1) -> dict[str, Any]:
        """Order something.

        More about it.
        """
        await asyncio.sleep(0)
        return {"key": context.idempotency_key, "item": item, "count": count}

    @registry.tool("where")
    def where() -> str:
        return threading.current_thread().name

    @registry.function("sum")
    def total(*, start: int, **numbers: int) -> int:
        return start + sum(numbers.values())

    return registry


async def test_a_tool_gets_its_arguments_and_the_context(registry: Registry, context: ToolContext) -> None:
    result = await registry.call("tool", "shop.order", {"item": "tea", "count": "2"}, context)
    assert result == {"key": "run:step:1", "item": "tea", "count": 2}


async def test_defaults_are_the_callables_own(registry: Registry, context: ToolContext) -> None:
    assert (await registry.call("tool", "shop.order", {"item": "tea"}, context))["count"] == 1


async def test_what_comes_by_itself_is_left_out(registry: Registry, context: ToolContext) -> None:
    """A root tool is given the run's inputs below its own arguments."""
    result = await registry.call("tool", "shop.order", {"item": "tea", "document_key": "x", "index": 3}, context)
    assert result["item"] == "tea"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"count": 2}, "argument 'item' is missing"),
        ({"itm": "tea"}, "given 'itm'"),
        ({"item": "tea", "count": "many"}, "argument 'count'"),
        ({"item": None}, "argument 'item'"),
    ],
)
async def test_arguments_that_do_not_fit_are_named(
    registry: Registry, context: ToolContext, args: dict[str, Any], said: str
) -> None:
    with pytest.raises(StepError, match="It takes 'item', 'count'") as caught:
        await registry.call("tool", "shop.order", args, context)
    assert said in str(caught.value)
    assert (caught.value.code, caught.value.retryable) == ("bad_arguments", False)


async def test_an_open_ended_function_takes_everything(registry: Registry, context: ToolContext) -> None:
    assert await registry.call("function", "sum", {"start": 1, "a": 2, "b": 3}, context) == 6


async def test_a_blocking_tool_runs_in_a_thread(registry: Registry, context: ToolContext) -> None:
    assert await registry.call("tool", "where", {}, context) != threading.current_thread().name


async def test_an_unknown_name_says_what_there_is(registry: Registry, context: ToolContext) -> None:
    with pytest.raises(StepError, match=r"no tool 'shop.oder' \(it has: shop.order, where\)") as caught:
        await registry.call("tool", "shop.oder", {}, context)
    assert caught.value.code == "unknown_tool"
    with pytest.raises(StepError, match="no function 'where'"):
        await registry.call("function", "where", {}, context)


def test_names_a_node_binds_itself_are_checked(registry: Registry) -> None:
    problems = unknown_arguments(registry.get("tool", "shop.order"), ["item", "cuont"])
    assert problems == ["tool 'shop.order' has no argument 'cuont'; it takes 'item', 'count'"]
    assert unknown_arguments(registry.get("function", "sum"), ["start", "anything"]) == []


def test_a_workflow_names_only_arguments_that_there_are(registry: Registry) -> None:
    nodes: list[dict[str, Any]] = [
        {"id": "a", "type": "tool", "config": {"tool_name": "shop.order", "tool_args": {"item": 1, "cuont": 2}}},
        {"id": "b", "type": "tool", "config": {"tool_name": "shop.order", "inputs": {"itm": 1, "count": 2}}},
        {"id": "c", "type": "function", "config": {"function_name": "sum", "function_args": {"anything": 1}}},
        {"id": "d", "type": "function", "config": {"function_name": "nowhere", "function_args": {"anything": 1}}},
        {"id": "e", "type": "llm", "config": {"prompt_ref": "ask@1", "inputs": {"anything": 1}}},
    ]
    spec = WorkflowSpec.model_validate({"name": "flow", "version": 1, "dag": {"nodes": nodes}})
    takes = "it takes 'item', 'count'"
    assert list(argument_problems(spec, registry)) == [
        Problem("dag.nodes[0].config.tool_args.cuont", "tool 'shop.order' has no argument 'cuont'", takes),
        Problem("dag.nodes[1].config.inputs.itm", "tool 'shop.order' has no argument 'itm'", takes),
    ]


def test_a_name_is_registered_once(registry: Registry) -> None:
    with pytest.raises(ValueError, match=r"registered twice: by .*where and by .*lambda"):
        registry.tool("where")(lambda: None)


def test_positional_only_parameters_are_refused(registry: Registry) -> None:
    def bad(a: int, /) -> int:
        return a

    with pytest.raises(TypeError, match="'a' must be callable by keyword"):
        registry.function("bad")(bad)


def test_the_shipped_ones_are_there_and_described() -> None:
    assert REGISTRY.names("tool") >= {"s3.fetch", "s3.put", "http.request", "image_analyzer"}
    assert REGISTRY.names("function") >= {"text_splitter", "result_merger", "result_combiner", "complexity_router"}
    described = {entry.name: entry.describe() for entry in REGISTRY.entries()}
    assert described["text_splitter"]["arguments"]["properties"]["chunk_size"]["minimum"] == 1
    assert described["s3.fetch"]["arguments"]["required"] == ["key"]
    assert all(entry["summary"] for entry in described.values())
