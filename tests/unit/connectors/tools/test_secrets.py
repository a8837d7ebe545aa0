"""Secrets inside one call: who gets which, and what a call may leave."""

import base64
import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from connectors.tools import ToolContext
from connectors.tools.effects import Done, NotDone, Unknown, without_secrets
from connectors.tools.isolation.process_wire import Job
from connectors.tools.registry import Registry
from connectors.tools.secrets import NO_SECRETS, CallSecrets, ToolSecret, filled, references
from connectors.tools.sites import site_of
from schemas.errors import StepError, Unavailable

VALUE = "s3cr3t/+value=="
STORED = {
    "SHOP": ToolSecret(VALUE, (site_of("api.example.com"), site_of("*.shop.example")), ()),
    "OWN": ToolSecret("another-value", (), ("shop.*",)),
    "BOTH": ToolSecret("third-value", (site_of("api.example.com"),), ("mcp.shop.*",)),
    "TORN": ToolSecret("", (site_of("api.example.com"),), (), unreadable="sealed under another key"),
}


def secrets(tool: str = "http.request", noted: list[str] | None = None) -> CallSecrets:
    async def opened(org_id: str) -> dict[str, ToolSecret]:
        return STORED if org_id == "acme" else {}

    async def used(org_id: str, name: str) -> None:
        (noted if noted is not None else []).append(f"{org_id}/{name}")

    return CallSecrets("acme", tool, opened, used)


async def given(name: str, url: str, tool: str = "http.request") -> str:
    return (await secrets(tool).for_site([name], urlsplit(url)))[name]


@pytest.mark.parametrize(
    ("name", "url", "tool"),
    [
        ("SHOP", "https://api.example.com/x", "http.request"),
        ("SHOP", "https://eu.shop.example/x", "mcp.shop.buy"),
        ("BOTH", "https://api.example.com/x", "mcp.shop.buy"),
    ],
)
async def test_a_host_on_the_list_gets_it(name: str, url: str, tool: str) -> None:
    assert await given(name, url, tool) == STORED[name].value


@pytest.mark.parametrize(
    ("name", "url", "tool"),
    [
        ("SHOP", "https://evil.example.com/", "http.request"),
        ("SHOP", "http://api.example.com/", "http.request"),
        ("SHOP", "https://api.example.com:8443/", "http.request"),
        ("SHOP", "https://api.example.com.evil.example/", "http.request"),
        ("BOTH", "https://api.example.com/", "http.request"),
        ("OWN", "https://api.example.com/", "shop.order"),
        ("NONE", "https://api.example.com/", "http.request"),
    ],
)
async def test_any_other_host_or_tool_gets_none(name: str, url: str, tool: str) -> None:
    with pytest.raises(StepError, match=f"no secret {name} for tool") as caught:
        await given(name, url, tool)
    assert (caught.value.code, caught.value.retryable) == ("unknown_secret", False)


async def test_one_that_does_not_open_says_so_and_a_store_that_is_down_is_retried() -> None:
    with pytest.raises(StepError, match="another key") as caught:
        await given("TORN", "https://api.example.com/")
    assert (caught.value.code, caught.value.retryable) == ("secret_unreadable", False)

    async def down(_: str) -> dict[str, ToolSecret]:
        raise Unavailable("postgres", "does not answer")

    with pytest.raises(StepError, match="does not answer") as caught:
        await CallSecrets("acme", "http.request", down).for_site(["SHOP"], urlsplit("https://api.example.com/"))
    assert (caught.value.code, caught.value.retryable) == ("secrets_unavailable", True)


async def test_without_a_master_key_there_are_none() -> None:
    with pytest.raises(StepError, match="VAULT_KEY"):
        await NO_SECRETS.for_site(["SHOP"], urlsplit("https://api.example.com/"))


def test_references_are_found_and_filled_once() -> None:
    assert references("a ${SECRET:A} ${ENV:B} ${SECRET:C_1}") == ["A", "C_1"]
    assert filled("x ${SECRET:A}", {"A": "${SECRET:B}"}) == "x ${SECRET:B}"


FORMS = [
    VALUE,
    quote(VALUE, safe=""),
    base64.b64encode(VALUE.encode()).decode(),
    base64.b64encode(b"user:" + VALUE.encode()).decode(),
    base64.b64encode(b"me:" + VALUE.encode() + b"!").decode(),
    base64.urlsafe_b64encode(b"a" + VALUE.encode()).decode(),
]


@pytest.mark.parametrize("form", FORMS)
async def test_no_form_of_a_secret_is_left_in_a_result(form: str) -> None:
    held = secrets()
    await held.for_site(["SHOP"], urlsplit("https://api.example.com/"))
    core = VALUE if form == VALUE else form[8:18]
    cleaned = held.cleaned({"a": [f"it is {form}."], f"k{form}": {"b": (form, 1, None, True)}})
    assert core not in json.dumps(cleaned)
    assert "${SECRET:SHOP}" in json.dumps(cleaned)


@dataclass
class Odd:
    text: str


async def test_objects_are_cleaned_as_their_json() -> None:
    held = secrets()
    await held.for_site(["SHOP"], urlsplit("https://api.example.com/"))
    assert held.cleaned([Odd(VALUE)]) == [{"text": "${SECRET:SHOP}"}]
    assert NO_SECRETS.cleaned(value := {"a": VALUE}) is value


async def test_errors_keep_their_class_and_lose_the_secret() -> None:
    held = secrets()
    await held.for_site(["SHOP"], urlsplit("https://api.example.com/"))
    error = held.cleaned_error(StepError("http_500", f"said {VALUE}", retryable=True, details={"echo": VALUE}))
    assert error is not None
    assert (error.code, error.retryable, error.details) == ("http_500", True, {"echo": "${SECRET:SHOP}"})
    assert VALUE not in str(error)
    raised = held.cleaned_error(KeyError(VALUE))
    assert raised is not None
    assert "KeyError" in str(raised)
    assert VALUE not in str(raised)
    assert held.cleaned_error(ValueError("nothing")) is None


async def test_look_ups_are_cleaned() -> None:
    held = secrets()
    await held.for_site(["SHOP"], urlsplit("https://api.example.com/"))
    assert without_secrets(Done({"t": VALUE}), held) == Done({"t": "${SECRET:SHOP}"})
    assert without_secrets(Unknown(VALUE), held) == Unknown("${SECRET:SHOP}")
    assert without_secrets(NotDone(), held) == NotDone()


def context(tool: str, noted: list[str] | None = None) -> ToolContext:
    return ToolContext("acme", "run", "step", "key", Path(), None, secrets=secrets(tool, noted))  # type: ignore[arg-type]


async def test_a_tool_of_ones_own_gets_what_it_declares_and_nothing_else() -> None:
    registry, noted = Registry(), list[str]()

    @registry.tool("shop.order", secrets=["OWN"])
    def order(context: ToolContext, *, item: str) -> str:
        return f"{item} by {context.secret('OWN')}"

    @registry.tool("shop.other")
    def other(context: ToolContext) -> str:
        return context.secret("OWN")

    @registry.tool("news.read", secrets=["OWN"])
    def read(context: ToolContext) -> str:
        return context.secret("OWN")

    assert (
        await registry.call("tool", "shop.order", {"item": "a"}, context("shop.order", noted)) == "a by another-value"
    )
    assert noted == ["acme/OWN"]
    with pytest.raises(StepError, match="does not declare"):
        await registry.call("tool", "shop.other", {}, context("shop.other"))
    with pytest.raises(StepError, match="no secret OWN"):
        await registry.call("tool", "news.read", {}, context("news.read"))


async def test_a_process_gets_the_values_alone() -> None:
    held = context("shop.order")
    await held.secrets.loaded(["OWN"])
    registry = Registry()
    registry.tool("shop.order", secrets=["OWN"])(_at_top)
    job = Job.of(registry.get("tool", "shop.order"), {}, {}, held)
    found = pickle.loads(pickle.dumps(job)).context
    assert found.secret("OWN") == "another-value"
    assert "another-value" not in repr(job)


def _at_top(context: ToolContext) -> Any:
    return context.secret("OWN")


@pytest.mark.parametrize("name", ["", "A B", "1A", "A-B"])
def test_a_name_that_is_none_is_refused_at_registration(name: str) -> None:
    with pytest.raises(TypeError, match="name of a secret"):
        Registry().tool("x", secrets=[name])
