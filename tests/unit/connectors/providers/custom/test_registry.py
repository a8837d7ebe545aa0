"""Declared providers: read, named once, loaded from entry points and from the file of tools, and priced."""

import json
from decimal import Decimal
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from agentflow import provider

from connectors.prices.book import PriceBook
from connectors.prices.known import KnownModels
from connectors.providers.custom.building import build_custom, stated_prices
from connectors.providers.custom.registry import CUSTOM, CustomProviders, read_declaration
from connectors.providers.names import PROVIDER_NAMES
from connectors.providers.registry import PROVIDERS
from connectors.tools import Registry, load_entry_points
from connectors.tools.tools_file import ToolsFile, ToolsFileError
from schemas.records.base import Usage

FILE = """
from agentflow import provider, function

@provider("{name}", models={{"grey": ("1.5", "{price}")}})
def talk(request):
    return request.prompt

@function
def count(*, text: str) -> int:
    return len(text)
"""


@provider("parrot", models={"grey": ("1.5", "2")}, takes=["system"])
def parrot(request: Any) -> str:
    return "squawk"


def test_names_are_those_of_the_built_in_providers() -> None:
    assert {"local", *PROVIDERS} == PROVIDER_NAMES


def test_a_declaration_is_read_and_the_function_stays_one() -> None:
    one = read_declaration(parrot)
    assert (one.name, one.takes, one.models) == ("parrot", ("system",), {"grey": (Decimal("1.5"), Decimal(2))})
    assert parrot(None) == "squawk"


@pytest.mark.parametrize(
    ("name", "options", "problem"),
    [
        ("Parrot!", {}, "rename it"),
        ("openai", {}, "choose another name"),
        ("ok", {"takes": ["tools"]}, "which is none of"),
        ("ok", {"models": {"m": ("1",)}}, "two decimal texts"),
        ("ok", {"models": {"m": ("-1", "2")}}, "two decimal texts"),
        ("ok", {"models": {"m": ("one", "2")}}, "two decimal texts"),
        ("ok", {"models": {"m": ("NaN", "2")}}, "two decimal texts"),
        ("ok", {"models": {"m": None}}, "two decimal texts"),
    ],
)
def test_a_wrong_declaration_is_refused_with_its_correction(name: str, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        CustomProviders().register(provider(name, **options)(lambda _: ""))


def test_a_name_is_given_once_and_the_same_object_may_come_again() -> None:
    declared = CustomProviders()
    assert declared.register(parrot) == declared.register(parrot) == "parrot"
    with pytest.raises(ValueError, match="exists already"):
        declared.register(provider("parrot")(lambda _: ""))


def test_stated_prices_are_exact_and_the_price_file_wins(tmp_path: Path) -> None:
    declared = CustomProviders()
    declared.register(parrot)
    usage = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    assert PriceBook.load("", stated_prices(declared)).cost("parrot", "grey", usage) == 3_500_000_000
    file = tmp_path / "prices.json"
    price = {"version": "1", "input_usd_per_mtok": "9", "output_usd_per_mtok": "0"}
    file.write_text(json.dumps([{"provider": "parrot", "model": "grey"} | price]))
    book = PriceBook.load(str(file), stated_prices(declared))
    assert (book.cost("parrot", "grey", usage), book.version("parrot", "grey")) == (9_000_000_000, "1")
    assert KnownModels.load("", lambda: stated_prices(declared)).has("parrot", "grey")


async def test_a_class_is_made_once_and_a_broken_one_takes_nothing_with_it(caplog: pytest.LogCaptureFixture) -> None:
    class Good:
        def generate(self, request: Any) -> str:
            return "x"

    class Broken(Good):
        def __init__(self) -> None:
            raise RuntimeError("no server")

    declared = CustomProviders()
    declared.register(provider("good")(Good))
    declared.register(provider("broken")(Broken))
    assert list(build_custom(declared)) == ["good"]
    assert "'broken' is left out" in caplog.text


def test_the_file_of_tools_declares_providers_and_takes_them_back(tmp_path: Path) -> None:
    path, declared = tmp_path / "mine.py", CustomProviders()
    path.write_text(FILE.format(name="mine", price=2))
    file = ToolsFile(path, Registry(), declared)
    assert file.load() == [("function", "count")]
    assert declared.names() == {"mine"}
    path.write_text(FILE.format(name="other", price=2))
    file.load()
    assert declared.names() == {"other"}
    path.write_text(FILE.format(name="openai", price=2))
    with pytest.raises(ToolsFileError, match="openai"):
        file.load()
    assert declared.names() == {"other"}


def test_an_entry_point_declares_providers_and_a_broken_one_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "flock_providers_x.py").write_text(FILE.format(name="flock", price=1))
    points = [
        EntryPoint("flock", "flock_providers_x", "agentflow.providers"),
        EntryPoint("plain", "os:getcwd", "agentflow.providers"),
    ]
    try:
        problems = load_entry_points(Registry(), lambda group: points if group == "agentflow.providers" else [])
        assert "flock" in CUSTOM.names()
    finally:
        CUSTOM.discard("flock")
    assert len(problems) == 1
    assert "decorate it with agentflow.provider" in problems[0]
