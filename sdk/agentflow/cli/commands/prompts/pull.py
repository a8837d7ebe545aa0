"""``agentctl prompt pull``: versions of the API as files."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from agentflow import prompt_rules as rules
from agentflow.cli.columns import Column
from agentflow.cli.commands.prompts import PROMPTS
from agentflow.cli.commands.prompts.files import earlier, files_in, read_file, version_of
from agentflow.cli.errors import NOT_FOUND, CliError
from agentflow.cli.options import command as make
from agentflow.cli.session import Session

_ROWS = (
    Column("NAME", "name"),
    Column("VERSION", "version", right=True),
    Column("ACTION", "action"),
    Column("FILE", "file"),
)


@make(None, "pull", changes=True, example="agentctl prompt pull prompts/ greeter --label production")
@click.argument("folder", metavar="DIR")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--label", metavar="NAME", help="The version that this label names; the newest by default.")
@click.option("--force", is_flag=True, help="Replace also files with changes that no version has.")
def pull(session: Session, folder: str, names: tuple[str, ...], *, label: str | None, force: bool) -> None:
    """Write prompts as files into DIR: those named, or all. A file that says the same is not touched."""
    there = {_name_in(path): path for path in files_in(Path(folder))}
    rows = []
    for name in names or _all(session):
        answer = version_of(session, name, label or "")
        if answer is None:
            where = f" with the label {label}" if label else ""
            raise CliError(f"there is no prompt {name}{where}", "agentctl prompt list shows what there is", NOT_FOUND)
        path = there.get(name, Path(folder, f"{name}{rules.SUFFIX}"))
        rows.append(_row(session, answer, path, force=force))
    session.rows({"prompts": rows}, rows, _ROWS, "name")
    conflicts = [row["file"] for row in rows if row["action"] == "conflict"]
    if conflicts:
        fix = "push them, or replace them with --force"
        raise CliError(f"{', '.join(conflicts)} has changes that no version has, and stays", fix)


def _all(session: Session) -> Iterable[str]:
    return [entry["name"] for entry in session.get(PROMPTS)["prompts"]]


def _name_in(path: Path) -> str:
    """Return the name of a file's prompt; of a file that cannot be read, the one that its own name has."""
    try:
        return read_file(path).prompt.name
    except CliError:
        return path.name.removesuffix(rules.SUFFIX)


def _row(session: Session, answer: dict[str, Any], path: Path, *, force: bool) -> dict[str, Any]:
    action = _action(session, answer, path, force=force)
    if action in ("created", "updated") and not session.given.get("dry-run"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rules.write_prompt(rules.prompt_of(answer)).encode())
    return {"name": answer["name"], "version": answer["version"], "action": action, "file": str(path)}


def _action(session: Session, answer: dict[str, Any], path: Path, *, force: bool) -> str:
    if not path.exists():
        return "created"
    if force:
        written = rules.write_prompt(rules.prompt_of(answer)).encode()
        return "unchanged" if path.read_bytes() == written else "updated"
    prompt = read_file(path).prompt
    if rules.is_version(prompt, answer):
        return "unchanged"
    return "updated" if any(rules.is_version(prompt, one) for one in earlier(session, answer)) else "conflict"


command = pull
