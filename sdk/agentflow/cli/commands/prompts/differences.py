"""``agentctl prompt diff``: what differs between two versions, or a version and a file."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from agentflow import prompt_rules as rules
from agentflow.cli import output
from agentflow.cli.commands.prompts.files import is_file, named, read_file
from agentflow.cli.errors import FAILED, USAGE, CliError
from agentflow.cli.options import command as make
from agentflow.cli.session import Session


@dataclass(frozen=True)
class _Side:
    title: str
    prompt: rules.CreatePrompt

    @property
    def lines(self) -> list[str]:
        """The lines of its file; what belongs to a version alone is left out."""
        own = self.prompt.model_copy(update={"labels": [], "message": ""})
        return rules.write_prompt(own).splitlines(keepends=True)

    @property
    def settings(self) -> dict[str, Any]:
        """All that is no text, by its name."""
        said = self.prompt.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        texts = ("name", "template", "messages", "parameters", "labels", "message")
        parameters: dict[str, Any] = said.get("parameters", {})
        return {name: value for name, value in said.items() if name not in texts} | parameters


@make(None, "diff", formats=("table", "json"), example="agentctl prompt diff greeter@production")
@click.argument("name", metavar="NAME[@VERSION|@LABEL]")
@click.argument("other", metavar="[OTHER]", required=False)
def diff(session: Session, name: str, *, other: str | None) -> None:
    """Show what OTHER, a version or a file, changes of NAME; by default what NAME changed of the version before.

    Ends with 0 if both say the same, and with 1 if they differ.
    """
    left, right = _sides(session, name, other)
    changes = [*_settings(left.settings, right.settings)]
    lines = [*difflib.unified_diff(left.lines, right.lines, left.title, right.title)]
    if session.format == "json":
        click.echo(
            output.json_text({"from": left.title, "to": right.title, "diff": "".join(lines), "changes": changes})
        )
    else:
        click.echo("".join(lines), nl=False)
        for change in changes:
            click.echo(f"{change['name']}: {_shown(change['from'])} -> {_shown(change['to'])}")
    if lines:
        raise click.exceptions.Exit(FAILED)


def _sides(session: Session, name: str, other: str | None) -> tuple[_Side, _Side]:
    if other is not None:
        return _side(session, name), _side(session, other)
    if is_file(name):
        raise CliError(f"{name} is a file, which has no version before", "name a version to compare it with", USAGE)
    answer = named(session, name)
    if answer["version"] == 1:
        raise CliError(f"{name} is its first version", "name another version or a file to compare it with")
    before = answer.get("parent") or answer["version"] - 1
    return _side(session, f"{answer['name']}@{before}"), _of_version(answer)


def _side(session: Session, place: str) -> _Side:
    return _Side(place, read_file(Path(place)).prompt) if is_file(place) else _of_version(named(session, place))


def _of_version(answer: dict[str, Any]) -> _Side:
    return _Side(f"{answer['name']}@{answer['version']}", rules.prompt_of(answer))


def _settings(left: dict[str, Any], right: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in dict.fromkeys([*left, *right]):
        if left.get(name) != right.get(name):
            yield {"name": name, "from": left.get(name), "to": right.get(name)}


def _shown(value: Any) -> str:
    return "none" if value is None else " ".join(output.json_text(value).split())


command = diff
