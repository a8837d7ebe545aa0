"""Tools that are classes, made once for each configuration, and the reconcile hook of either kind."""

from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from connectors.objects.store import LocalObjects
from connectors.tools import Done, NotDone, Reconciled, Registry, ToolContext, Unknown
from connectors.tools.arguments import argument_problems
from connectors.tools.registry import MAX_INSTANCES
from schemas.errors import Problem, StepError
from schemas.spec.model import WorkflowSpec


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    return ToolContext("acme", "run", "step", "run:step:1", tmp_path, LocalObjects(tmp_path / "objects"))


class Shop:
    """Orders things."""

    made: list[str]

    def __init__(self, *, currency: str = "EUR", most: Annotated[int, Field(ge=1)] = 10) -> None:
        if currency == "XXX":
            raise ValueError("no such currency")
        self.currency, self.most = currency, most
        Shop.made.append(currency)

    async def __call__(self, context: ToolContext, *, item: str) -> str:
        """Order one."""
        return f"{item} in {self.currency} as {context.idempotency_key}"

    async def reconcile(self, context: ToolContext, args: dict[str, Any]) -> Reconciled:
        return Done(f"{args['item']} was ordered as {context.idempotency_key} in {self.currency}")


@pytest.fixture
def registry() -> Registry:
    Shop.made = []
    registry = Registry()
    registry.tool("shop")(Shop)

    async def look(context: ToolContext, args: dict[str, Any]) -> Reconciled:
        return NotDone() if args["item"] == "tea" else Unknown("the shop keeps no list")

    @registry.tool("plain", reconcile=look)
    async def plain(*, item: str) -> str:
        return item

    @registry.tool("simple")
    async def simple() -> None: ...

    return registry


async def test_one_instance_serves_one_configuration(registry: Registry, context: ToolContext) -> None:
    assert await registry.call("tool", "shop", {"item": "tea"}, context) == "tea in EUR as run:step:1"
    for config in ({"currency": "USD", "most": 2}, {"most": 2, "currency": "USD"}):
        assert await registry.call("tool", "shop", {"item": "tea"}, context, config) == "tea in USD as run:step:1"
    assert Shop.made == ["EUR", "USD"]


async def test_only_so_many_instances_are_kept(registry: Registry, context: ToolContext) -> None:
    for most in range(1, MAX_INSTANCES + 2):
        await registry.call("tool", "shop", {"item": "tea"}, context, {"most": most})
    await registry.call("tool", "shop", {"item": "tea"}, context, {"most": MAX_INSTANCES + 1})
    assert len(Shop.made) == MAX_INSTANCES + 1
    await registry.call("tool", "shop", {"item": "tea"}, context, {"most": 1})
    assert len(Shop.made) == MAX_INSTANCES + 2


@pytest.mark.parametrize(
    ("name", "config", "said"),
    [
        ("shop", {"most": 0}, "configuration 'most'"),
        ("shop", {"curency": "USD"}, "has no configuration 'curency'; it takes 'currency', 'most'"),
        ("shop", {"currency": "XXX"}, "cannot be made of its configuration: ValueError: no such currency"),
        ("plain", {"most": 1}, "takes no configuration"),
    ],
)
async def test_a_configuration_that_does_not_fit_is_final(
    registry: Registry, context: ToolContext, name: str, config: dict[str, Any], said: str
) -> None:
    with pytest.raises(StepError, match=said) as caught:
        await registry.call("tool", name, {"item": "tea"}, context, config)
    assert (caught.value.code, caught.value.retryable) == ("bad_config", False)


async def test_a_class_is_described_by_its_call_and_its_configuration(registry: Registry) -> None:
    described = registry.get("tool", "shop").describe()
    assert described["summary"] == "Orders things."
    assert described["arguments"]["required"] == ["item"]
    assert described["config"]["properties"]["most"]["minimum"] == 1
    assert described["effect"] == {"pure": False, "idempotency_key": True, "reconcile": True}
    simple = registry.get("tool", "simple").describe()
    assert simple["config"] is None
    assert simple["effect"] == {"pure": False, "idempotency_key": False, "reconcile": False}


async def test_a_call_is_reconciled_by_its_tool(registry: Registry, context: ToolContext) -> None:
    said = await registry.reconcile("shop", {"item": "tea", "index": 1}, context, {"currency": "USD"})
    assert said == Done("tea was ordered as run:step:1 in USD")
    assert await registry.reconcile("plain", {"item": "tea"}, context) == NotDone()
    assert await registry.reconcile("plain", {"item": "jam"}, context) == Unknown("the shop keeps no list")
    assert [registry.reconciles(name) for name in ("shop", "plain", "simple", "nowhere")] == [True, True, False, False]


async def test_a_tool_without_a_hook_knows_nothing(registry: Registry, context: ToolContext) -> None:
    assert isinstance(await registry.reconcile("simple", {}, context), Unknown)


async def test_a_hook_gets_checked_arguments(registry: Registry, context: ToolContext) -> None:
    with pytest.raises(StepError) as caught:
        await registry.reconcile("plain", {"item": 5}, context)
    assert caught.value.code == "bad_arguments"


def test_a_configuration_is_checked_on_registration(registry: Registry) -> None:
    nodes: list[dict[str, Any]] = [
        {"id": "a", "type": "tool", "config": {"tool_name": "shop", "tool_config": {"most": 2}}},
        {"id": "b", "type": "tool", "config": {"tool_name": "shop", "tool_config": {"mst": 2}}},
        {"id": "c", "type": "tool", "config": {"tool_name": "simple", "tool_config": {"most": 2}}},
    ]
    spec = WorkflowSpec.model_validate({"name": "flow", "version": 1, "dag": {"nodes": nodes}})
    assert list(argument_problems(spec, registry)) == [
        Problem(
            "dag.nodes[1].config.tool_config", "tool 'shop' has no configuration 'mst'", "it takes 'currency', 'most'"
        ),
        Problem("dag.nodes[2].config.tool_config", "tool 'simple' takes no configuration", "remove it"),
    ]
