"""The output formats: table, wide, json, yaml and name. Stdout has data only."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from agentflow.cli import tables
from agentflow.cli.columns import Column, shown

FORMATS = ("table", "wide", "json", "yaml", "name")


@dataclass(frozen=True)
class Shown:
    """An answer and how tables show it. ``single``: one document, as lines of a title and a value."""

    document: Any
    rows: Sequence[Mapping[str, Any]]
    columns: Sequence[Column]
    name: str = "id"
    single: bool = False


def emit(answer: Shown, form: str, *, colour: bool) -> None:
    """Write an answer to stdout."""
    match form:
        case "json":
            click.echo(json_text(answer.document))
        case "yaml":
            from agentflow.yaml_text import yaml_text

            click.echo(yaml_text(answer.document), nl=False)
        case "name":
            for row in answer.rows:
                click.echo(str(row.get(answer.name, "")))
        case _:
            _table(answer, wide=form == "wide", colour=colour)


def json_text(document: Any) -> str:
    """Return a document as indented JSON."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def json_line(document: Any) -> str:
    """Return a document as JSON on one line."""
    return json.dumps(document, ensure_ascii=False)


def _table(answer: Shown, *, wide: bool, colour: bool) -> None:
    columns = shown(answer.columns, wide=wide)
    if answer.single:
        lines = tables.pairs(columns, answer.rows[0])
    elif sys.stdout.isatty() and tables.on_terminal(columns, answer.rows, sys.stdout, colour=colour):
        return
    else:
        lines = tables.lines(columns, answer.rows)
    click.echo("\n".join(lines))
