"""Reads files of prompts, and versions of prompts of the API."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentflow import prompt_rules as rules
from agentflow.cli.api import at
from agentflow.cli.commands.prompts import PROMPTS
from agentflow.cli.errors import NOT_FOUND, USAGE, CliError
from agentflow.cli.session import Session
from agentflow.cli.units import read_text, version_or_label


@dataclass(frozen=True)
class PromptFile:
    """A file and the prompt that it has."""

    path: Path
    prompt: rules.CreatePrompt


def read_file(path: Path) -> PromptFile:
    """Return the prompt of a file. Raises ``CliError``."""
    try:
        return PromptFile(path, rules.read_prompt(read_text_of(path), path.name.removesuffix(rules.SUFFIX)))
    except rules.InvalidSpec as exc:
        raise wrong(path, exc.problems) from None


def is_file(place: str) -> bool:
    """Return true for what names a file, and no prompt of the API."""
    return Path(place).is_file() or place.endswith(rules.SUFFIX)


def wrong(path: Path, problems: Sequence[rules.Problem]) -> CliError:
    """Return the error of a file with problems."""
    first, *others = problems
    more = f" (and {len(others)} more)" if others else ""
    return CliError(f"{path}: {first.path} {first.message}{more}".replace(":  ", ": "), first.fix, USAGE)


def files_in(folder: Path) -> list[Path]:
    """Return the files of prompts in a folder and in the folders in it, in the order of their names."""
    return sorted(folder.rglob(f"*{rules.SUFFIX}"))


def paths_of(place: Path) -> list[Path]:
    """Return a file, or those of a folder. Raises ``CliError`` if there are none."""
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise CliError(f"there is no file or folder {place}", "check the path", NOT_FOUND)
    found = files_in(place)
    if not found:
        raise CliError(f"{place} has no files *{rules.SUFFIX}", "agentctl prompt pull makes them", NOT_FOUND)
    return found


def read_all(place: Path) -> list[PromptFile]:
    """Return the prompts of a file or a folder. Raises ``CliError``, also for two files of one name."""
    found = [read_file(path) for path in paths_of(place)]
    names: dict[str, Path] = {}
    for one in found:
        if other := names.get(one.prompt.name):
            raise CliError(f"{other} and {one.path} are both of the prompt {one.prompt.name}", "remove one", USAGE)
        names[one.prompt.name] = one.path
    return found


def version_of(session: Session, name: str, which: str = "") -> dict[str, Any] | None:
    """Return a version of the API, the newest by default; ``None`` if there is none. Raises ``CliError``."""
    wanted = version_or_label(which)
    params = {"version" if isinstance(wanted, int) else "label": wanted} if which else {}
    try:
        found: dict[str, Any] = session.get(at(PROMPTS, name), **params)
    except CliError as exc:
        if exc.code == NOT_FOUND:
            return None
        raise
    return found


def named(session: Session, ref: str) -> dict[str, Any]:
    """Return the version that ``name``, ``name@3`` or ``name@label`` names. Raises ``CliError``."""
    name, _, which = ref.partition("@")
    found = version_of(session, name, which)
    if found is None:
        raise CliError(f"there is no prompt {ref}, and no such file", "agentctl prompt list shows them", NOT_FOUND)
    return found


def earlier(session: Session, answer: dict[str, Any], most: int = 20) -> Iterator[dict[str, Any]]:
    """Yield the versions before one, the newest first."""
    for number in range(answer["version"] - 1, max(0, answer["version"] - 1 - most), -1):
        if (found := version_of(session, answer["name"], str(number))) is not None:
            yield found


def versions_of(session: Session, name: str, most: int) -> list[dict[str, Any]]:
    """Return the newest versions of a prompt; none if there is no such prompt."""
    newest = version_of(session, name)
    return [] if newest is None else [newest, *earlier(session, newest, most - 1)]


def read_text_of(path: Path) -> str:
    """Return a file's text with its line ends as they are. Raises ``CliError``."""
    read_text(str(path))
    return path.read_bytes().decode("utf-8")
