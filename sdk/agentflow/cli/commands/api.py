"""``agentctl api``: any request."""

import click

from agentflow.cli import output
from agentflow.cli.api import refused
from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import command as make
from agentflow.cli.session import Session
from agentflow.cli.units import json_value, pairs

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")


@make(None, "api", formats=("json", "yaml"), changes=True, example="agentctl api GET /api/v1/limits")
@click.argument("method", type=OneOf(METHODS))
@click.argument("path")
@click.option("--param", "params", multiple=True, metavar="KEY=VALUE", help="A query parameter. Repeatable.")
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help="A header. Repeatable.")
@click.option("--data", metavar="JSON", help="The body: JSON, @file, or - for stdin.")
def command(
    session: Session, method: str, path: str, *, params: tuple[str, ...], headers: tuple[str, ...], data: str | None
) -> None:
    """Send a request to PATH and print the body of its answer, also of an error."""
    if not path.startswith("/"):
        raise CliError(f"{path!r} is not a path of the API", "write it as /api/v1/..., see the API's /docs", USAGE)
    body = None if data is None else json_value(data, "--data")
    if session.given.get("dry-run"):
        session.print_request(method, path, body)
        return
    answer = session.api.request(
        method, path, params=pairs(params, "--param") or None, json=body, headers=pairs(headers, "--header") or None
    )
    if isinstance(answer.body, str):
        click.echo(answer.body, nl=False)
    elif answer.body is not None:
        form = session.given.get("output") or "json"
        output.emit(output.Shown(answer.body, [], ()), form, colour=False)
    if answer.status >= 400:
        raise refused(answer.status, answer.body)
