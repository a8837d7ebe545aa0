"""What ``agentctl tool declare`` reads of files."""

from pathlib import Path

import pytest
from agentflow.cli.declared_tools import declared_tools
from agentflow.cli.errors import CliError

APP = """
from agentflow import function, tool

@tool("mail.send", source="trusted class:mail", sinks={"to": "recipient"}, blocking=False)
def send(*, to: str) -> str:
    return to

@tool("mail.read", source=["third_party"], readers="$.to", reads_when={"a": ("", "b")}, effects=True)
def read(*, a: str = "") -> dict:
    return {}

@tool
def plain() -> None: ...

@function
def count(*, text: str) -> int:
    return len(text)
"""


def test_decorators_say_it(tmp_path: Path) -> None:
    (tmp_path / "declaring_app.py").write_text(APP, encoding="utf-8")
    assert declared_tools(str(tmp_path / "declaring_app.py")) == {
        "mail.send": {"source": ["trusted", "class:mail"], "sinks": {"to": "recipient"}},
        "mail.read": {
            "source": ["third_party"],
            "readers": {"$": "$.to"},
            "reads_when": {"a": ["", "b"]},
            "effects": True,
        },
        "plain": None,
    }


def test_a_mapping_says_it_and_so_does_a_policy(tmp_path: Path) -> None:
    file = tmp_path / "tools.yaml"
    for text in (
        'a: {effects: true, fields: {$.x: "web class:pii"}}\n',
        'name: p\ntools:\n  a: {effects: true, fields: {$.x: "web class:pii"}}\n',
    ):
        file.write_text(text, encoding="utf-8")
        assert declared_tools(str(file)) == {"a": {"effects": True, "fields": {"$.x": ["web", "class:pii"]}}}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("broken_app.py", "raise RuntimeError('no')\n", "cannot be loaded: no"),
        ("functions_only.py", "from agentflow import function\n@function\ndef f() -> int:\n    return 1\n", "no tool"),
        ("a.yaml", "a: [", "is no YAML"),
        ("a.yaml", "a: true", "no mapping of tools"),
        ("a.yaml", "[]", "no mapping of tools"),
        ("a.yaml", "{}", "has no tool"),
    ],
)
def test_a_file_that_declares_nothing_is_refused(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(CliError, match=said):
        declared_tools(str(tmp_path / name))
