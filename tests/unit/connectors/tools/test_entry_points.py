"""Tools of other packages: found, and where they are broken, told without harm."""

import logging
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.registry import Collector

from connectors.objects.store import LocalObjects
from connectors.tools import Registry, ToolContext, load_entry_points
from connectors.tools.entry_points import Find, installed
from connectors.tools.metrics import ToolMetrics

GOOD = """
from connectors.tools import ToolContext

async def today(context: ToolContext, *, city: str) -> str:
    "Today's weather."
    return f"rain in {city}"

def count(*, text: str) -> int:
    "How many words."
    return len(text.split())

NUMBER = 5
def positional(a, /): ...
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    (tmp_path / "good_tools_x.py").write_text(GOOD)
    (tmp_path / "broken_tools_x.py").write_text("import there_is_no_such_module")
    (tmp_path / "leaving_tools_x.py").write_text("raise SystemExit(3)")
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.endswith("_tools_x"):
            del sys.modules[name]


def found(*points: tuple[str, str, str]) -> Find:
    return lambda group: [EntryPoint(name, value, kind) for name, value, kind in points if kind == group]


TOOLS, FUNCTIONS = "agentflow.tools", "agentflow.functions"


async def test_entry_points_are_registered_under_their_names(packages: Path) -> None:
    registry = Registry()
    points = found(("weather.today", "good_tools_x:today", TOOLS), ("words", "good_tools_x:count", FUNCTIONS))
    assert load_entry_points(registry, points) == []
    context = ToolContext("acme", "run", "step", "key", packages, LocalObjects(packages / "objects"))
    assert await registry.call("tool", "weather.today", {"city": "Bern"}, context) == "rain in Bern"
    assert await registry.call("function", "words", {"text": "a b"}, context) == 2
    assert load_entry_points(registry, points) == [], "a second time changes nothing"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("broken_tools_x:today", "ModuleNotFoundError: No module named 'there_is_no_such_module'"),
        ("leaving_tools_x:today", "SystemExit: 3"),
        ("good_tools_x:tomorrow", "AttributeError"),
        ("good_tools_x:NUMBER", "it is a int, which cannot be called"),
        ("good_tools_x:positional", "'a' must be callable by keyword"),
    ],
)
@pytest.mark.usefixtures("packages")
def test_a_broken_one_is_told_and_the_rest_is_loaded(value: str, said: str, caplog: pytest.LogCaptureFixture) -> None:
    registry = Registry()
    points = found(("bad", value, TOOLS), ("weather.today", "good_tools_x:today", TOOLS))
    with caplog.at_level(logging.ERROR):
        (problem,) = load_entry_points(registry, points)
    assert said in problem
    assert f"the tool 'bad' of an unnamed package ({value}) was not loaded" in problem
    assert problem in caplog.text
    assert registry.problems == [problem]
    assert registry.names("tool") == {"weather.today"}


@pytest.mark.usefixtures("packages")
def test_a_name_that_is_taken_names_both() -> None:
    registry = Registry()

    @registry.tool("weather.today")
    async def mine() -> None: ...

    (problem,) = load_entry_points(registry, found(("weather.today", "good_tools_x:today", TOOLS)))
    assert "registered twice: by " in problem
    assert "mine and by good_tools_x:today" in problem
    assert registry.get("tool", "weather.today").make is mine


def test_what_its_decorator_registered_keeps_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry()
    module = ModuleType("decorated_tools_x")
    monkeypatch.setitem(sys.modules, "decorated_tools_x", module)

    @registry.tool("real.name")
    async def decorated() -> None: ...

    module.decorated = decorated  # type: ignore[attr-defined]
    points = found(("other", "decorated_tools_x:decorated", TOOLS), ("all", "decorated_tools_x", TOOLS))
    assert load_entry_points(registry, points) == []
    assert registry.names("tool") == {"real.name"}


def test_this_environment_can_be_asked() -> None:
    assert all(point.group == TOOLS for point in installed(TOOLS))


def test_metrics_of_tools_are_served_but_for_reserved_names() -> None:
    theirs, ours = CollectorRegistry(), CollectorRegistry()
    Counter("weather_calls", "Forecasts.", ["city"], registry=theirs).labels("Bern").inc(2)
    Counter("worker_steps", "Not theirs.", registry=theirs).inc()
    ours.register(ToolMetrics(theirs))
    assert ours.get_sample_value("weather_calls_total", {"city": "Bern"}) == 2
    assert ours.get_sample_value("agentflow_worker_attempts_total") is None


def test_a_broken_collector_costs_no_page() -> None:
    class Broken(Collector):
        def collect(self) -> Iterator[object]:  # type: ignore[override]
            raise RuntimeError("no")

    theirs, ours = CollectorRegistry(), CollectorRegistry()
    theirs.register(Broken())  # type: ignore[arg-type]
    Counter("fine", "Fine.", registry=ours).inc()
    ours.register(ToolMetrics(theirs))
    assert ours.get_sample_value("fine_total") == 1
