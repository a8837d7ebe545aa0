"""``agentctl prompt export``: prompts as files of dotprompt and promptfoo."""

from pathlib import Path
from typing import Any

import click

from agentflow import prompt_rules as rules
from agentflow.cli.api import at
from agentflow.cli.commands.prompts.files import read_file, read_text_of, version_of, wrong
from agentflow.cli.errors import NOT_FOUND, USAGE, CliError
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import command as make
from agentflow.cli.session import Session
from agentflow.cli.units import json_value

DATASETS = "/api/v1/datasets"
_PAGE = 1000


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
    given = [] if scorers is None else json_value(scorers, "--scorers")
    try:
        text, notes = rules.export_text(form, prompt, cases, given)
    except rules.InvalidSpec as exc:
        raise wrong(Path(name), exc.problems) from None
    for note in notes:
        session.note(f"note: {note}")
    click.echo(text, nl=False)


def _prompt(session: Session, name: str) -> rules.CreatePrompt:
    if Path(name).is_file():
        return read_file(Path(name)).prompt
    bare, _, which = name.partition("@")
    answer = version_of(session, bare, which)
    if answer is None:
        raise CliError(f"there is no prompt {name}, and no such file", "agentctl prompt list shows them", NOT_FOUND)
    return rules.prompt_of(answer)


def _cases(session: Session, dataset: str) -> list[dict[str, Any]]:
    path = Path(dataset)
    if path.is_file():
        lines = [line for line in read_text_of(path).splitlines() if line.strip()]
        return [json_value(line, "--dataset") for line in lines]
    name, _, version = dataset.partition("@")
    params = {"version": int(version)} if version.isdecimal() else {}
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = session.get(at(DATASETS, name, "rows"), limit=_PAGE, cursor=cursor, **params)
        found += page["cases"]
        cursor = page.get("next_cursor")
        if not cursor:
            return found


command = export
