"""``agentctl prompt import`` and ``export``: files of dotprompt, Prompty and promptfoo."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from agentflow import prompt_rules as rules
from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.commands.prompts.files import read_file, read_text_of, version_of, wrong
from agentflow.cli.errors import NOT_FOUND, USAGE, CliError
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import command
from agentflow.cli.session import Session
from agentflow.cli.units import json_value

DATASETS = "/api/v1/datasets"
CASES, SCORERS = ".cases.jsonl", ".scorers.json"
_PAGE = 1000
_ROWS = (
    Column("NAME", "name"),
    Column("FILE", "file"),
    Column("CASES", "cases", right=True),
    Column("SCORERS", "scorers", right=True),
    Column("NOTES", "notes", lambda notes: str(len(notes)), right=True),
)


@command(None, "import", example="agentctl prompt import triage.prompt --from dotprompt --into prompts/")
@click.argument("file")
@click.option("--from", "form", type=OneOf(rules.IMPORTS), required=True, metavar="FORM", help="The program it is of.")
@click.option("--into", "folder", metavar="DIR", default=".", help="Where the files go; here by default.")
@click.option("--name", metavar="NAME", help="The name of the prompt, where the file gives none.")
@click.option("--force", is_flag=True, help="Replace files that exist.")
def import_file(session: Session, file: str, *, form: str, folder: str, name: str | None, force: bool) -> None:
    """Make files of ours of FILE: dotprompt, prompty or promptfoo. What has no counterpart is named on stderr.

    A promptfoo file also gives cases, for `agentctl dataset import`, and scorers.
    """
    path = Path(file)
    try:
        found = rules.import_text(form, read_text_of(path), name or _name(path), lambda one: _beside(path, one))
    except rules.InvalidSpec as exc:
        raise wrong(path, exc.problems) from None
    rows = [_written(Path(folder), one, force=force) for one in found]
    for row in rows:
        for note in row["notes"]:
            session.note(f"note: {note}")
    session.rows({"prompts": rows}, rows, _ROWS, "name")


@command(
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


def _name(path: Path) -> str:
    return path.name.partition(".")[0]


def _beside(path: Path, name: str) -> str:
    """Return the text of a file that a configuration names, in its folder or below."""
    place = (path.parent / name).resolve()
    if not place.is_relative_to(path.parent.resolve()):
        raise CliError(f"{path} names {name}, which is outside of its folder", "move it there", USAGE)
    return read_text_of(place)


def _written(folder: Path, found: rules.Imported, *, force: bool) -> dict[str, Any]:
    name = found.prompt.name
    files = {rules.SUFFIX: rules.write_prompt(found.prompt)}
    if found.cases:
        files[CASES] = "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in found.cases)
    if found.scorers:
        files[SCORERS] = json.dumps(found.scorers, ensure_ascii=False, indent=2) + "\n"
    paths = {suffix: folder / f"{name}{suffix}" for suffix in files}
    _refuse_existing(paths.values(), force=force)
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, text in files.items():
        paths[suffix].write_bytes(text.encode())
    said = {"name": name, "file": str(paths[rules.SUFFIX]), "cases": len(found.cases), "scorers": len(found.scorers)}
    return {**said, "notes": list(map(str, found.notes))}


def _refuse_existing(paths: Iterable[Path], *, force: bool) -> None:
    for path in paths:
        if path.exists() and not force:
            raise CliError(f"{path} exists", "give --force to replace it, or --into another folder", USAGE)


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


COMMANDS = (import_file, export)
