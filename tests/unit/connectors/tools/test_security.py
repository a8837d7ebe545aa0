"""What decorators declare of a tool's security, and what of it is refused."""

from typing import Any

import agentflow
import pytest

from connectors.tools import REGISTRY, Registry
from connectors.tools.declared import register
from schemas.labels.declarations import MAX_PARTS, declaration_problems
from schemas.records.security.pinned import UNDECLARED, ToolSecurity


async def call(*, to: str = "", text: str = "") -> str:
    return to + text


def declared(**options: Any) -> ToolSecurity:
    registry = Registry()
    registry.tool("mail", **options)(call)
    return registry.security("tool", "mail")


def test_a_tool_of_which_nothing_is_said_is_undeclared_and_may_have_effects() -> None:
    assert declared() == UNDECLARED
    assert (UNDECLARED.declared, UNDECLARED.effects) == (False, True)
    assert Registry().security("tool", "unknown") == UNDECLARED


def test_a_function_is_pure() -> None:
    registry = Registry()
    registry.function("words")(call)
    registry.function("count", endorses=True)(call)
    assert registry.security("function", "words") == ToolSecurity(pure=True)
    assert registry.security("function", "count") == ToolSecurity(pure=True, endorses=True)


def test_a_declaration_is_kept_and_shown() -> None:
    found = declared(
        source=["third_party", "class:pii"],
        fields={"$.contacts[*].name": "user"},
        readers="$.people",
        sinks={"to": "recipient", "text": "content"},
        reads_when={"to": [""]},
    )
    assert found == ToolSecurity(
        source=["third_party", "class:pii"],
        fields={"$.contacts[*].name": ["user"]},
        readers={"$": "$.people"},
        effects=True,
        sinks={"to": "recipient", "text": "content"},
        reads_when={"to": [""]},
    )
    registry = Registry()
    registry.tool("mail", source="web", effects=False)(call)
    security = registry.get("tool", "mail").describe()["security"]
    assert (security["declared"], security["source"], security["effects"], security["sinks"]) == (
        True,
        ["web"],
        False,
        {},
    )


def test_the_decorators_of_the_sdk_declare_the_same() -> None:
    registry = Registry()

    @agentflow.tool("mail.send", source="trusted", effects=True, sinks={"to": "recipient"})
    def send(*, to: str) -> str:
        return to

    @agentflow.function("mail.words", endorses=True)
    def words(*, text: str) -> int:
        return len(text.split())

    for one in (send, words):
        register(registry, one)
    assert registry.security("tool", "mail.send") == ToolSecurity(
        source=["trusted"], effects=True, sinks={"to": "recipient"}
    )
    assert registry.security("function", "mail.words").endorses


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"source": "web"}, "say effects=True"),
        ({"source": "internet", "effects": False}, "source: 'internet' is no word of a label"),
        ({"source": ["web", 3], "effects": False}, "neither a word of a label nor a list"),
        ({"fields": {"contacts": "web"}, "effects": False}, "fields: 'contacts' is no path"),
        ({"fields": ["$.a"], "effects": False}, "is no mapping"),
        ({"fields": {"$.a": "class:"}, "effects": False}, "'class:' is no word of a label"),
        ({"readers": "people", "effects": False}, "'people' is no path"),
        ({"readers": 3, "effects": False}, "neither a path nor a mapping"),
        ({"sinks": {"to": "mailbox"}}, "'mailbox' is no sink; write one of recipient, url"),
        ({"sinks": {"too": "recipient"}}, "'too' is no argument of the tool; it takes text, to"),
        ({"sinks": {"to": "url"}, "reads_when": {"too": ["x"]}}, "reads_when: 'too' is no argument"),
        ({"sinks": {"to": "url"}, "effects": False}, "sinks: are declared of a tool without effects"),
        ({"effects": "no"}, "effects='no' is neither True nor False"),
        ({"pure": True, "effects": True}, "pure: is declared of a tool with effects"),
        ({"pure": True, "source": "web"}, "source: is declared of a pure tool"),
        ({"effects": False, "reads_when": {"to": [""]}}, "reads_when: is declared of a tool without effects"),
        ({"effect": True}, "'effect' is no option"),
    ],
)
def test_what_means_nothing_is_refused_when_the_tool_is_registered(options: dict[str, Any], said: str) -> None:
    with pytest.raises(TypeError, match="tool 'mail': ") as refused:
        declared(**options)
    assert said in str(refused.value)


@pytest.mark.parametrize("options", [{"source": "web"}, {"effects": True}, {"pure": False}, {"sinks": {"to": "url"}}])
def test_a_function_declares_no_effects_and_no_source(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="register it as a tool"):
        Registry().function("words", **options)(call)


def test_a_tool_that_takes_any_argument_may_name_any() -> None:
    registry = Registry()

    @registry.tool("any", sinks={"whatever": "command"})
    def takes(**inputs: Any) -> None: ...

    assert registry.security("tool", "any").sinks == {"whatever": "command"}


def test_a_declaration_has_a_bound() -> None:
    many = ToolSecurity(fields={f"$.f{number}": ["web"] for number in range(MAX_PARTS + 1)})
    (problem,) = declaration_problems(many, at="tools.mail")
    assert problem.path == "tools.mail.fields"


def test_the_built_in_tools_are_declared() -> None:
    found = {entry.name: entry.security for entry in REGISTRY.entries("tool") if entry.origin.startswith("connectors.")}
    assert {"http.request", "s3.fetch", "s3.put", "image_analyzer", "kafka.produce"} <= found.keys()
    assert all(security.declared for security in found.values())
    request, put = found["http.request"], found["s3.put"]
    assert (request.source, request.sinks["url"], request.effects) == (["web"], "url", True)
    assert "GET" in request.reads_when["method"]
    assert "POST" not in request.reads_when["method"]
    assert (put.sinks["bucket"], put.sinks["key"]) == ("path", "path")
