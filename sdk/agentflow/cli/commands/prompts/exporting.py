"""``agentctl prompt export``: prompts as files of dotprompt and promptfoo."""

from pathlib import Path
from typing import Any

import click

from agentflow import prompt_rules as rules
from agentflow.cli.api import at
from agentflow.cli.commands.prompts.files import is_file, named, read_file, read_text_of, wrong
from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import command as make
from agentflow.cli.paging import pages
from agentflow.cli.session import Session
from agentflow.cli.units import json_object, json_value

DATASETS = "/api/v1/datasets"
#: The most that a version of a dataset has.
_MAX_CASES = 10_000


@make(
    None,
    "export",
    example="agentctl prompt export greeter --to promptfoo --dataset questions > promptfoo.yaml",
)
@click.argument("name", metavar="NAME[@VERSION|@LABEL]|FILE")
@click.option("--to", "form", type=OneOf(rules.EXPORTS), required=True, metavar="FORM", help="dotprompt or promptfoo.")
@click.option("--dataset", metavar="NAME", help="The cases of a promptfoo file: a dataset, or a file of JSON lines.")
@click.option("--scorers", metavar="JSON", help="The scorers of a promptfoo file: JSON or @file.")
def export(session: Session, name: str, *, form: str, dataset: str | None, scorers: str | None) -> None:
    """Print a prompt as the file of another program. What it cannot say there is an error, or named on stderr."""
    if form != "promptfoo" and (dataset or scorers):
        raise CliError(f"a file of {form} has neither cases nor scorers", "leave --dataset and --scorers out", USAGE)
    prompt = _prompt(session, name)
    cases = [] if dataset is None else _cases(session, dataset)
    given = [] if scorers is None else _scorers(scorers)
    try:
        text, notes = rules.export_text(form, prompt, cases, given)
    except rules.InvalidSpec as exc:
        raise wrong(Path(name), exc.problems) from None
    for note in notes:
        session.note(f"note: {note}")
    click.echo(text, nl=False)


def _prompt(session: Session, name: str) -> rules.CreatePrompt:
    return read_file(Path(name)).prompt if is_file(name) else rules.prompt_of(named(session, name))


def _scorers(text: str) -> list[dict[str, Any]]:
    found = json_value(text, "--scorers")
    if not isinstance(found, list) or not all(isinstance(one, dict) and "kind" in one for one in found):
        raise CliError("--scorers is no list of scorers", """write --scorers '[{"kind": "exact"}]'""", USAGE)
    return found


def _cases(session: Session, dataset: str) -> list[dict[str, Any]]:
    path = Path(dataset)
    if path.is_file():
        lines = [line for line in read_text_of(path).splitlines() if line.strip()]
        return [_case(json_object(line, "--dataset"), path) for line in lines]
    name, at_sign, version = dataset.partition("@")
    if at_sign and not (version.isascii() and version.isdecimal()):
        raise CliError(f"'{version}' is no version of a dataset", f"write --dataset {name}@2, or {name}", USAGE)
    params = {"version": int(version)} if version else {}
    return list(pages(session, at(DATASETS, name, "rows"), "cases", params, _MAX_CASES))


def _case(case: dict[str, Any], path: Path) -> dict[str, Any]:
    if not isinstance(case.get("inputs"), dict):
        raise CliError(f"{path} has a case without inputs", 'write {"inputs": {"name": "Ada"}} on each line', USAGE)
    return case


command = export
