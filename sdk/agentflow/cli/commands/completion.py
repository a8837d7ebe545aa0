"""``agentctl completion``."""

import click

from agentflow.cli.lazy import Leaf, OneOf

SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_AGENTCTL_COMPLETE"


@click.command("completion", cls=Leaf, epilog='Example: eval "$(agentctl completion bash)"')
@click.argument("shell", type=OneOf(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL; evaluate it in the file that the shell reads at its start."""
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None
    complete = made(ctx.find_root().command, {}, "agentctl", _VARIABLE)
    # Not `source`, which starts a bash to see whether it is new enough.
    click.echo(complete.source_template % complete.source_vars())
