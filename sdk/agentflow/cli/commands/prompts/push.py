"""``agentctl prompt push``: files as versions of the API."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from agentflow import prompt_rules as rules
from agentflow.cli.columns import Column
from agentflow.cli.commands.prompts.files import PROMPTS, PromptFile, read_all, version_of
from agentflow.cli.errors import AUTH, CliError
from agentflow.cli.options import command as make
from agentflow.cli.session import Session

_ROWS = (
    Column("NAME", "name"),
    Column("FROM", "from", right=True),
    Column("VERSION", "version", right=True),
    Column("ACTION", "action"),
    Column("LABELS", "labels"),
    Column("FILE", "file"),
    Column("PROBLEM", "problem"),
)


@make(None, "push", changes=True, example="agentctl prompt push prompts/ --label staging --message 'shorter'")
@click.argument("folder", metavar="DIR")
@click.option("--label", "labels", metavar="NAME", multiple=True, help="Let this label name each version.")
@click.option("--message", metavar="TEXT", help="The reason of the change; it goes before the one in the file.")
def push(session: Session, folder: str, labels: tuple[str, ...], message: str | None) -> None:
    """Create a version of each file in DIR whose content the newest version does not have. Parts go first."""
    files = {one.prompt.name: one for one in read_all(Path(folder))}
    pushing = _Push(session, labels, message)
    rows = [pushing.row(files[prompt.name]) for prompt in rules.in_order([one.prompt for one in files.values()])]
    session.rows({"prompts": rows}, rows, _ROWS, "name")
    if failed := [row["name"] for row in rows if row["problem"]]:
        raise CliError(f"not pushed: {', '.join(failed)}", "correct them, and push again: the others are there")


@dataclass
class _Push:
    session: Session
    labels: tuple[str, ...]
    message: str | None
    #: References that name another version since, or would: of prompts with a new version, and labels that moved.
    moved: set[rules.Part] = field(default_factory=set)

    def row(self, file: PromptFile) -> dict[str, Any]:
        """Create a version if there is something to change, and return what was done. A problem is in the row."""
        row: dict[str, Any] = {"name": file.prompt.name, "file": str(file.path), "problem": ""}
        try:
            return row | self._done(file.prompt)
        except CliError as exc:
            if exc.code == AUTH:
                raise
            return row | {"action": "failed", "problem": exc.line()}

    def _done(self, prompt: rules.CreatePrompt) -> dict[str, Any]:
        newest = version_of(self.session, prompt.name)
        labels = list(dict.fromkeys([*prompt.labels, *self.labels]))
        if newest is None:
            return self._created(prompt, None, labels)
        if not rules.is_version(prompt, newest) or self._has_other_parts(prompt, newest):
            return self._created(prompt, newest, labels)
        missing = [label for label in labels if label not in (newest.get("labels") or ())]
        found = {"from": newest["version"], "version": newest["version"], "labels": labels}
        if not missing:
            return {**found, "action": "unchanged"}
        self.moved.update(rules.Part(prompt.name, label) for label in missing)
        if not self.session.given.get("dry-run"):
            self._send(prompt, None, labels)
        return {**found, "action": "labels"}

    def _created(self, prompt: rules.CreatePrompt, newest: dict[str, Any] | None, labels: list[str]) -> dict[str, Any]:
        before = newest["version"] if newest else None
        self.moved.update(rules.Part(prompt.name, which) for which in ("", "latest", *labels))
        found = {"from": before, "labels": labels, "action": "created" if before is None else "changed"}
        if self.session.given.get("dry-run"):
            return {**found, "version": None}
        version = self._send(prompt, before, labels)["version"]
        return {**found, "version": version, "action": "unchanged" if version == before else found["action"]}

    def _send(self, prompt: rules.CreatePrompt, parent: int | None, labels: list[str]) -> dict[str, Any]:
        body = prompt.model_dump(mode="json", by_alias=True, exclude_defaults=True) | {"labels": labels}
        # A label that a request moves names a version with the same content, which keeps its message.
        more = {"parent": parent, "message": self.message or prompt.message}
        body |= {name: value for name, value in more.items() if value}
        if not labels:
            del body["labels"]
        found: dict[str, Any] = self.session.send("POST", PROMPTS, body)
        return found

    def _has_other_parts(self, prompt: rules.CreatePrompt, newest: dict[str, Any]) -> bool:
        """Return true if a reference names another version now than when the newest version was created."""
        stored = (newest.get("form") or {}).get("refs") or {}
        for part in rules.parts_of(prompt):
            if part.which.isdecimal():
                continue
            if part in self.moved:
                return True
            found = version_of(self.session, part.name, part.which)
            if found is not None and stored.get(part.ref) != f"{part.name}@{found['version']}":
                return True
        return False


command = push
