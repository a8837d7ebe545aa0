"""Groups that import a command's module when it is called, and errors that name the nearest command or option."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import click

from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.nearest import hint

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Entry(NamedTuple):
    """A command of the root: the module in ``commands`` that has it as ``command``, and the line for ``--help``."""

    module: str
    summary: str


def _refuse_option(command: click.Command, exc: click.NoSuchOption, ctx: click.Context) -> NoReturn:
    known = [name for one in command.get_params(ctx) for name in one.opts if name.startswith("--")]
    fix = hint(exc.option_name, known, f"see `{ctx.command_path} --help`")
    raise CliError(f"{ctx.command_path} has no option {exc.option_name}", fix, USAGE) from exc


class Suggesting(click.Group):
    """A group whose unknown commands and options are refused with the nearest known one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name. Raises ``CliError``."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and self.get_command(ctx, name) is None:
            fix = hint(name, self.list_commands(ctx), f"see `{ctx.command_path} --help`")
            raise CliError(f"{ctx.command_path} has no command {name!r}", fix, USAGE)
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse options; an unknown one raises ``CliError``."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as exc:
            _refuse_option(self, exc, ctx)


class LazyGroup(Suggesting):
    """A group whose commands are modules. Their names and summaries are known without an import."""

    def __init__(self, entries: Mapping[str, Entry] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.entries = dict(entries or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names."""
        return [*self.entries, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; ``None`` for an unknown name."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        from importlib import import_module

        command: click.Command = import_module(f"agentflow.cli.commands.{entry.module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        rows = [(name, entry.summary) for name, entry in self.entries.items()]
        rows += [(name, one.get_short_help_str(80)) for name, one in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Complete the names of commands without importing them."""
        from click.shell_completion import CompletionItem

        summaries = {name: entry.summary for name, entry in self.entries.items()}
        summaries |= {name: one.get_short_help_str(80) for name, one in self.commands.items()}
        found = [CompletionItem(name, help=text) for name, text in summaries.items() if name.startswith(incomplete)]
        # Not the group's own method, which imports every command for its summary.
        return found + click.Command.shell_complete(self, ctx, incomplete)


class Leaf(click.Command):
    """A command whose unknown options are refused with the nearest one it has."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse arguments; an unknown option raises ``CliError``."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as exc:
            _refuse_option(self, exc, ctx)


def usage_line(exc: click.UsageError) -> str:
    """Return a usage error of click as one line with its fix."""
    path = exc.ctx.command_path if exc.ctx else "agentctl"
    message = " ".join(exc.format_message().split()).rstrip(".")
    return f"{message[:1].lower()}{message[1:]}; see `{path} --help`"


class OneOf(click.Choice[str]):
    """A choice in any case, whose unknown values are refused with the nearest known one."""

    def __init__(self, choices: Sequence[str]) -> None:
        super().__init__(choices, case_sensitive=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the choice. Raises ``CliError``."""
        known = [str(one) for one in self.choices]
        if str(value).lower() not in [one.lower() for one in known]:
            option = f"{param.opts[-1]} " if param is not None else ""
            fix = hint(str(value), known, f"one of {', '.join(known)}")
            raise CliError(f"{option}{value!r} is not among its values", fix, USAGE)
        return super().convert(value, param, ctx)
