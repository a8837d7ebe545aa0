"""The options that many commands share, and the decorators that make commands."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from agentflow.cli.lazy import Leaf, OneOf, Suggesting
from agentflow.cli.output import FORMATS
from agentflow.cli.session import WATCH_S, Session
from agentflow.cli.units import seconds

Function = Callable[..., Any]


class Duration(click.ParamType):
    """A duration such as ``90s``, as seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds. Raises ``CliError``."""
        return value if isinstance(value, float) else seconds(str(value))


DURATION = Duration()


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    if value is not None and value is not False:
        ctx.ensure_object(Session).given[str(param.name).replace("_", "-")] = value
    return value


def shared(*declarations: str, **settings: Any) -> click.Option:
    """Return an option whose value the session has."""
    return click.Option(list(declarations), expose_value=False, callback=_keep, **settings)


def _common(formats: Sequence[str]) -> list[click.Parameter]:
    return [
        shared("-o", "--output", type=OneOf(formats), metavar="FORMAT", help=f"One of {', '.join(formats)}."),
        shared("--profile", metavar="NAME", help="The profile of the configuration file."),
        shared("--endpoint", metavar="URL", help="The address of the API."),
        shared("--org-id", metavar="ID", help="The organisation; it must be the key's."),
    ]


def _watching() -> list[click.Parameter]:
    return [
        shared("--watch", is_flag=True, help="Print again and again until Ctrl-C."),
        shared("--every", type=DURATION, help=f"With --watch: how often; {WATCH_S:g}s by default."),
    ]


def _trying() -> click.Option:
    return shared("--dry-run", is_flag=True, help="Print the request, and send nothing.")


def command(
    group: click.Group | None,
    name: str,
    *,
    watch: bool = False,
    changes: bool = False,
    formats: Sequence[str] = FORMATS,
    example: str = "",
) -> Callable[[Function], click.Command]:
    """Make a command of a function whose first argument is the session.

    ``watch`` adds ``--watch``, ``changes`` adds ``--dry-run``.
    """

    def decorate(function: Function) -> click.Command:
        made = click.command(name, cls=Leaf, epilog=f"Example: {example}" if example else None)(
            click.make_pass_decorator(Session, ensure=True)(function)
        )
        made.params += [*(_watching() if watch else []), *([_trying()] if changes else []), *_common(formats)]
        if group is not None:
            group.add_command(made)
        return made

    return decorate


def group(name: str, text: str) -> Suggesting:
    """Return a group of commands."""
    return Suggesting(name, help=text, no_args_is_help=True)


def page_options(function: Function) -> Function:
    """Add ``--limit``: how many of a list are wanted."""
    return click.option(
        "--limit", type=click.IntRange(1, 1_000_000), default=100, show_default=True, help="The most to list."
    )(function)
