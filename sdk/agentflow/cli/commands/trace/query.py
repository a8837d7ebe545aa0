"""``agentctl trace query``: the traces, spans or groups of a time, by what they were."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click

from agentflow.cli import output
from agentflow.cli.columns import Column, printable, text
from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import DURATION, page_options
from agentflow.cli.options import command as make
from agentflow.cli.paging import PAGE
from agentflow.cli.session import WATCH_S, Session
from agentflow.cli.units import dollars, moment, pairs
from agentflow.cli.views.traces import GROUPS, LIST, QUERY, SPANS, followed

_SORTS = ("start", "cost", "duration", "tokens", "count", "errors")
_TEXTS = (
    ("--run", "run_id", "ID", "Single spans of this run."),
    ("--workflow", "workflow", "NAME", "Of this workflow."),
    ("--status", "status", "STATUS", "running, succeeded, failed or canceled; of spans ok or error."),
    ("--provider", "provider", "NAME", "With a call of this provider."),
    ("--model", "model", "NAME", "With a call of this model."),
    ("--type", "type", "TYPE", "With a span of this type, such as llm_call or tool_call."),
    ("--error", "error_code", "CODE", "With an error of this code."),
    ("--prompt", "prompt", "NAME", "With an attempt of this prompt, or of NAME@VERSION."),
    ("--text", "text", "TEXT", "With this text in a name, a step, or an error."),
    ("--session", "session_id", "ID", "Of this session."),
    ("--user", "user_id", "ID", "For this user."),
    ("--project", "project", "ID", "Of this project."),
)
_BOUNDS = (
    ("--min-cost", "min_cost_usd", "USD", "Costs at least this."),
    ("--max-cost", "max_cost_usd", "USD", "Costs at most this."),
    ("--min-time", "min_duration", "DURATION", "Took at least this, such as 30s."),
    ("--max-time", "max_duration", "DURATION", "Took at most this."),
    ("--min-tokens", "min_tokens", "N", "Used at least so many tokens."),
    ("--max-tokens", "max_tokens", "N", "Used at most so many tokens."),
)


def _filters(function: Callable[..., Any]) -> Callable[..., Any]:
    for option, name, metavar, summary in reversed(_TEXTS):
        function = click.option(option, name, metavar=metavar, help=summary)(function)
    for option, name, metavar, summary in reversed(_BOUNDS):
        kind = DURATION if metavar == "DURATION" else click.IntRange(0) if metavar == "N" else click.STRING
        function = click.option(option, name, metavar=metavar, type=kind, help=summary)(function)
    return function


@make(None, "query", watch=True, example="agentctl trace query --start 1h --end now --provider openai")
@click.option("--start", metavar="TIME", help="Began since: 1h, 7d, or a time. 1h by default; of --run, its start.")
@click.option("--end", default="now", show_default=True, metavar="TIME", help="Began before.")
@_filters
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="With this tag. Repeatable.")
@click.option("--spans", is_flag=True, help="List single spans instead of whole traces.")
@click.option("--by", "keys", multiple=True, metavar="KEY", help="Add up by workflow, model, tag.<name>, … Repeatable.")
@click.option("--sort", type=OneOf(_SORTS), help="By what; the newest first by default, groups by their count.")
@click.option("--asc", is_flag=True, help="The least, or the oldest, first.")
@click.option("--follow", is_flag=True, help="Print a line for each new trace, until Ctrl-C.")
@page_options
def command(
    session: Session, *, tags: tuple[str, ...], spans: bool, keys: tuple[str, ...], follow: bool, **given: Any
) -> None:
    """Find the traces of a time by what they were, newest first; --by adds them up."""
    if follow and (spans or keys or given["sort"] or given["asc"]):
        raise CliError("--follow lists new traces as they come", "leave out --spans, --by, --sort and --asc", USAGE)
    limit = given.pop("limit")
    body = _body(given) | ({"tags": pairs(tags, "--tag")} if tags else {})
    body |= ({"level": "span"} if spans else {}) | ({"group_by": list(keys)} if keys else {})
    if follow:
        _follow(session, body)
        return

    def show() -> None:
        if keys:
            found = session.send("POST", QUERY, {**body, "limit": min(limit, PAGE)})
            columns = [Column(key.upper(), "", _value(key)) for key in keys]
            session.rows(found, found["groups"], [*columns, *GROUPS])
            return
        found = _pages(session, body, limit)
        if found["level"] == "span":
            session.rows(found, found["events"], SPANS)
        else:
            session.rows(found, found["traces"], LIST)

    session.repeat(show)


def _value(key: str) -> Callable[[Any], str]:
    return lambda group: text(group["values"].get(key))


def _body(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given as the API takes them. Raises ``CliError``."""
    for name in ("start", "end"):
        moment(given[name])
    body = {name: value for name, value in given.items() if value not in (None, False, "now")}
    body |= {name: dollars(body[name]) for name in ("min_cost_usd", "max_cost_usd") if name in body}
    if body.pop("asc", False):
        body["order"] = "asc"
    return body


def _pages(session: Session, body: Mapping[str, Any], limit: int) -> dict[str, Any]:
    """Return what was found, at most ``limit``, over as many pages as that takes."""
    found = session.send("POST", QUERY, {**body, "limit": min(limit, PAGE)})
    field = "events" if found["level"] == "span" else "traces"
    rows, cursor = list(found[field]), found.get("next_cursor")
    while cursor is not None and len(rows) < limit:
        more = {**body, "limit": min(limit - len(rows), PAGE), "cursor": cursor}
        page = session.send("POST", QUERY, more)
        rows, cursor = rows + page[field], page.get("next_cursor")
    return {**found, field: rows, "next_cursor": cursor}


def _follow(session: Session, body: Mapping[str, Any]) -> None:
    """Print a line for each trace when it is seen first, and again when its status has changed."""
    shown: dict[str, str] = {}
    while True:
        for one in _news(session.send("POST", QUERY, {**body, "limit": PAGE})["traces"], shown):
            click.echo(output.json_line(one) if session.format == "json" else printable(followed(one)))
        session.sleep(WATCH_S)


def _news(traces: list[dict[str, Any]], shown: dict[str, str]) -> Iterator[dict[str, Any]]:
    # Only what is still listed can come again.
    for gone in shown.keys() - {one["id"] for one in traces}:
        del shown[gone]
    for one in reversed(traces):
        if shown.get(one["id"]) != one["status"]:
            shown[one["id"]] = one["status"]
            yield one
