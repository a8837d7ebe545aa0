"""What the SDK's decorators record, and what the registry makes of it."""

import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import agentflow
import pytest

from connectors.tools import Registry, ToolContext
from connectors.tools.declared import ATTRIBUTE, declaration_of, declared_in, register
from connectors.tools.entry_points import load_entry_points
from schemas.errors import StepError
from sdk.generate.engine_copy import LOADERS

ROOT = Path(__file__).resolve().parents[4]


def context() -> ToolContext:
    return ToolContext("o", "r-1", "s", "key-1", Path(), None)  # type: ignore[arg-type]


def test_the_decorators_record_kind_name_arguments_and_given_options() -> None:
    @agentflow.tool("mail.send", isolation="process", memory_mb=256)
    def send(context: agentflow.ToolContext, *, to: str, copies: int = 1, **more: str) -> None: ...

    assert declaration_of(send) == {
        "kind": "tool",
        "name": "mail.send",
        "arguments": [
            {"name": "context", "annotation": "agentflow.context.ToolContext", "required": True},
            {"name": "to", "annotation": "str", "required": True},
            {"name": "copies", "annotation": "int", "required": False},
            {"name": "more", "annotation": "str", "required": False},
        ],
        "options": {"isolation": "process", "memory_mb": 256},
    }


def test_without_parentheses_the_name_is_that_of_the_function() -> None:
    @agentflow.function
    def word_count(*, text: str) -> int:
        return len(text.split())

    assert agentflow.ATTRIBUTE == ATTRIBUTE
    assert declaration_of(word_count) == {
        "kind": "function",
        "name": "word_count",
        "arguments": [{"name": "text", "annotation": "str", "required": True}],
        "options": {},
    }
    assert word_count(text="a b") == 2


def test_the_sdk_imports_nothing_of_the_application() -> None:
    application = ("schemas", "topics", "connectors", "services", "streams", "api", "deploy")
    package = ROOT / "sdk" / "agentflow"
    # The modules with the server's own rules, which the build of the wheel copies.
    loaders = {package / path.name for path in LOADERS}
    texts = [path.read_text() for path in package.rglob("*.py") if path not in loaders]
    assert texts
    assert not [name for text in texts for name in application if f"import {name}" in text or f"from {name}" in text]


async def test_a_declared_tool_gets_its_context_and_checked_arguments() -> None:
    @agentflow.tool("mail.send")
    def send(context: agentflow.ToolContext, *, to: str) -> str:
        return f"{to} {context.idempotency_key}"

    registry = Registry()
    register(registry, send)
    assert await registry.call("tool", "mail.send", {"to": "ann"}, context()) == "ann key-1"
    with pytest.raises(StepError, match="argument 'to' is missing"):
        await registry.call("tool", "mail.send", {}, context())


def test_a_subclass_does_not_inherit_the_declaration() -> None:
    @agentflow.tool("base")
    class Base:
        def __call__(self) -> None: ...

    class Derived(Base): ...

    assert declaration_of(Base) is not None
    assert declaration_of(Derived) is None


async def test_the_example_package_is_loaded_by_its_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ROOT / "examples" / "tools_package"
    monkeypatch.syspath_prepend(str(folder))
    declared = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["entry-points"]
    registry = Registry()
    try:
        problems = load_entry_points(
            registry, lambda group: [EntryPoint(name, value, group) for name, value in declared.get(group, {}).items()]
        )
        assert problems == []
        assert registry.names("tool") == {"shop.order"}
        assert registry.names("function") == {"shop.total"}
        args = {"cents": [150, 50], "discount_percent": 10}
        assert await registry.call("function", "shop.total", args, context()) == 180
        order = {"item": "pen", "cents": 180}
        first = await registry.call("tool", "shop.order", order, context())
        assert await registry.call("tool", "shop.order", order, context()) == first
    finally:
        for name in [name for name in sys.modules if name.startswith("shop_tools")]:
            del sys.modules[name]


def test_a_module_names_each_declared_object_once() -> None:
    module = type(sys)("m")
    module.one = module.again = agentflow.function(lambda: None)  # type: ignore[attr-defined]
    assert len(list(declared_in(module))) == 1


def test_a_scorer_is_a_function_of_output_expected_and_inputs() -> None:
    @agentflow.scorer
    def polite(*, output: str, expected: str | None, inputs: dict[str, str]) -> bool:
        return "please" in output

    @agentflow.scorer("short", memory_mb=64)
    def brief(*, output: str, most: int = 9, **_: object) -> bool:
        return len(output) < most

    assert polite(output="yes please", expected=None, inputs={}) is True
    assert [(found["kind"], found["name"]) for found in map(declaration_of, (polite, brief)) if found] == [
        ("function", "polite"),
        ("function", "short"),
    ]
    registry = Registry()
    assert [register(registry, found) for found in (polite, brief)] == [("function", "polite"), ("function", "short")]


@pytest.mark.parametrize(
    "unsuitable",
    [
        lambda *, output: True,  # noqa: ARG005 - its arguments are what is tested
        lambda *, output, expected, inputs, context: True,  # noqa: ARG005 - the same
        lambda: True,
    ],
)
def test_a_scorer_with_other_arguments_is_refused_with_the_right_ones(unsuitable: object) -> None:
    with pytest.raises(TypeError, match=r"write def rude\(\*, output, expected, inputs\)"):
        agentflow.scorer("rude")(unsuitable)
