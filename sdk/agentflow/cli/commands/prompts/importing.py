"""``agentctl prompt import``: files of dotprompt, Prompty and promptfoo as files of ours."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from agentflow import prompt_rules as rules
from agentflow.cli.columns import Column
from agentflow.cli.commands.prompts.files import read_text_of, wrong
from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import command as make
from agentflow.cli.session import Session

CASES, SCORERS = ".cases.jsonl", ".scorers.json"
_ROWS = (
    Column("NAME", "name"),
    Column("FILE", "file"),
    Column("CASES", "cases", right=True),
    Column("SCORERS", "scorers", right=True),
    Column("NOTES", "notes", lambda notes: str(len(notes)), right=True),
)


@make(None, "import", example="agentctl prompt import triage.prompt --from dotprompt --into prompts/")
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
    planned = [(one, _files(Path(folder), one)) for one in found]
    _refuse_existing((path for _, files in planned for path in files), force=force)
    Path(folder).mkdir(parents=True, exist_ok=True)
    rows = [_written(one, files) for one, files in planned]
    for row in rows:
        for note in row["notes"]:
            session.note(f"note: {note}")
    session.rows({"prompts": rows}, rows, _ROWS, "name")


def _name(path: Path) -> str:
    return path.name.partition(".")[0]


def _beside(path: Path, name: str) -> str:
    """Return the text of a file that a configuration names, in its folder or below."""
    place = (path.parent / name).resolve()
    if not place.is_relative_to(path.parent.resolve()):
        raise CliError(f"{path} names {name}, which is outside of its folder", "move it there", USAGE)
    return read_text_of(place)


def _files(folder: Path, found: rules.Imported) -> dict[Path, str]:
    """Return the texts of a prompt's files, the prompt's own first."""
    texts = {rules.SUFFIX: rules.write_prompt(found.prompt)}
    if found.cases:
        texts[CASES] = "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in found.cases)
    if found.scorers:
        texts[SCORERS] = json.dumps(found.scorers, ensure_ascii=False, indent=2) + "\n"
    return {folder / f"{found.prompt.name}{suffix}": text for suffix, text in texts.items()}


def _written(found: rules.Imported, files: Mapping[Path, str]) -> dict[str, Any]:
    for path, text in files.items():
        path.write_bytes(text.encode())
    counts = {"cases": len(found.cases), "scorers": len(found.scorers)}
    return {"name": found.prompt.name, "file": str(next(iter(files))), **counts, "notes": list(map(str, found.notes))}


def _refuse_existing(paths: Iterable[Path], *, force: bool) -> None:
    for path in paths:
        if path.exists() and not force:
            raise CliError(f"{path} exists", "give --force to replace it, or --into another folder", USAGE)


command = import_file
