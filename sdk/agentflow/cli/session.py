"""What a command works with: its settings, the API, and where its output goes."""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from agentflow.cli import output
from agentflow.cli.api import Api, Json, checked
from agentflow.cli.columns import Column
from agentflow.cli.output import Shown
from agentflow.cli.settings import Settings, resolve

WATCH_S = 2.0


@dataclass
class Session:
    """One command's work. Tests give another API, environment, clock and directory."""

    given_api: Api | None = None
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    here: Path = field(default_factory=Path.cwd)
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    #: The options that every command has, as they were given.
    given: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def settings(self) -> Settings:
        """The settings. Raises ``CliError``."""
        named = {name: str(self.given[name]) for name in ("endpoint", "org-id", "profile") if self.given.get(name)}
        return resolve(named, self.env, self.here)

    @cached_property
    def api(self) -> Api:
        """The API; its client is imported with the first request."""
        if self.given_api is not None:
            return self.given_api
        from agentflow.cli import quick_httpx

        quick_httpx.load()
        from agentflow.cli.connection import connect

        return connect(self.settings)

    def get(self, path: str, **params: Any) -> Json:
        """Return the body of a GET; parameters that are none are left out."""
        return self.send("GET", path, params=params)

    def send(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        params: Mapping[str, Any] | None = None,
        document: str | None = None,
        key: str | None = None,
        content_type: str | None = None,
    ) -> Json:
        """Send a request and return the body of its answer. Raises ``CliError``. ``key`` is an idempotency key.

        ``content_type`` is that of the document, where it is neither YAML nor JSON.
        """
        there = {name: value for name, value in (params or {}).items() if value is not None}
        headers = ({"Idempotency-Key": key} if key else {}) | ({"Content-Type": content_type} if content_type else {})
        return checked(
            self.api.request(
                method,
                path,
                params=there or None,
                json=body if document is None else None,
                document=document,
                headers=headers or None,
            )
        ).body

    def change(self, method: str, path: str, body: Json = None, **options: Any) -> Json:
        """Send a request that changes something; with ``--dry-run`` print it instead, and end."""
        if self.given.get("dry-run"):
            self.print_request(method, path, body)
            raise click.exceptions.Exit(0)
        return self.send(method, path, body, **options)

    def print_request(self, method: str, path: str, body: Json) -> None:
        """Print the request that would be sent."""
        self.note("dry run: nothing was sent")
        click.echo(output.json_text({"method": method, "path": path, "body": body}))

    @property
    def format(self) -> str:
        """The format of the output."""
        chosen = self.given.get("output") or (self.settings.output.value if self.settings.output else None)
        return str(chosen or "table")

    def rows(self, document: Json, rows: Sequence[Any], columns: Sequence[Column], name: str = "id") -> None:
        """Print a list. ``document`` is the whole answer, for JSON and YAML; ``name`` the field for ``-o name``."""
        output.emit(Shown(document, rows, columns, name), self.format, colour=self.colour)

    def one(self, document: Json, columns: Sequence[Column], name: str = "id") -> None:
        """Print one document."""
        output.emit(Shown(document, [document], columns, name, single=True), self.format, colour=self.colour)

    def repeat(self, show: Callable[[], None]) -> None:
        """Print once, or with ``--watch`` again and again until Ctrl-C."""
        show()
        while self.given.get("watch"):
            self.sleep(float(self.given.get("every") or WATCH_S))
            if sys.stdout.isatty():
                click.clear()
            show()

    def note(self, text: str) -> None:
        """Say something to people: on stderr, since stdout is data only."""
        click.echo(text, err=True)

    @property
    def colour(self) -> bool:
        """Whether colours are wanted: ``NO_COLOR`` and dumb terminals have none."""
        return not self.env.get("NO_COLOR") and self.env.get("TERM") != "dumb"
