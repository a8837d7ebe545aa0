"""JSON schemas of a tool's arguments and result: what breaks one is no call, or no output."""

from pathlib import Path
from typing import Any

import pytest
from agentflow import tool as sdk_tool

from connectors.tools.context import ToolContext
from connectors.tools.declared import register
from connectors.tools.registry import Registry
from schemas.errors import StepError
from services.calls.transcript import _spec

AMOUNT: dict[str, Any] = {
    "type": "object",
    "properties": {"amount": {"type": "integer", "maximum": 100}, "order": {"type": "string", "pattern": "^o-"}},
    "required": ["amount"],
}
RECEIPT: dict[str, Any] = {"type": "object", "required": ["id"]}


def registry(result: Any = None, **more: Any) -> Registry:
    made = Registry()

    @made.tool("bank.refund", args_schema=AMOUNT, result_schema=RECEIPT, **more)
    def refund(*, amount: int, order: str = "o-1") -> Any:
        return {"id": order} if result is None else result

    return made


def context(directory: Path) -> ToolContext:
    return ToolContext(
        org_id="acme",
        run_id="r",
        step_id="s",
        idempotency_key="k",
        documents_dir=directory,
        objects=None,  # type: ignore[arg-type]
    )


async def call(made: Registry, directory: Path, **args: Any) -> Any:
    return await made.call("tool", "bank.refund", args, context(directory))


@pytest.mark.parametrize("more", [{}, {"blocking": False}])
async def test_arguments_and_results_that_fit_pass(tmp_path: Path, more: dict[str, Any]) -> None:
    assert await call(registry(**more), tmp_path, amount=100, order="o-2") == {"id": "o-2"}
    # What the call does not take, its schema does not see.
    assert await call(registry(**more), tmp_path, amount=1, item="x") == {"id": "o-1"}


@pytest.mark.parametrize(
    ("args", "said"), [({"amount": 101}, "argument 'amount': "), ({"amount": 1, "order": "x"}, "order")]
)
async def test_arguments_that_break_the_schema_are_named_and_not_called(
    tmp_path: Path, args: dict[str, Any], said: str
) -> None:
    with pytest.raises(StepError, match=said) as caught:
        await call(registry(), tmp_path, **args)
    assert (caught.value.code, caught.value.retryable) == ("bad_arguments", False)
    assert "101" not in str(caught.value).replace("100", "")


@pytest.mark.parametrize("result", [{"no": 1}, [], "text", object()])
async def test_a_result_that_breaks_the_schema_is_none(tmp_path: Path, result: Any) -> None:
    with pytest.raises(StepError) as caught:
        await call(registry(result), tmp_path, amount=1)
    assert (caught.value.code, caught.value.retryable) == ("bad_output", False)


def test_a_model_is_shown_the_schema_of_the_arguments() -> None:
    assert _spec(registry(), "bank.refund").parameters == AMOUNT


def test_the_decorators_of_the_sdk_declare_them_too() -> None:
    @sdk_tool("shop.order", args_schema=AMOUNT, result_schema=RECEIPT)
    def order(*, amount: int) -> None: ...

    made = Registry()
    register(made, order)
    assert made.get("tool", "shop.order").schemas == (AMOUNT, RECEIPT)


@pytest.mark.parametrize("schema", [{"type": "x"}, {"$ref": "https://example.com/x"}, {"pattern": "(?=a)"}, "text"])
def test_a_schema_by_which_nothing_can_be_checked_is_refused(schema: Any) -> None:
    made = Registry()
    for name in ("args_schema", "result_schema"):
        with pytest.raises(TypeError, match=f"{name} is no JSON schema"):

            @made.tool("bad", **{name: schema})
            def bad() -> None: ...
