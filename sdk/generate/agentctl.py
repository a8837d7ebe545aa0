"""``python -m sdk.generate.agentctl [--check]``: docs/reference/agentctl.md, from the commands themselves."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click
from agentflow.cli.errors import EXIT_CODES
from agentflow.cli.main import ENTRIES, root

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "agentctl.md"
#: Every command has these; they are explained once.
COMMON = ("--output", "--profile", "--endpoint", "--org-id", "--help")

HEAD = """# agentctl

The command line of AgentFlow. This page is generated from the commands (`python -m sdk.generate.agentctl`); the
[guide](../guide.md) shows them at work.

- [Install](#install)
- [Settings](#settings)
- [Output](#output)
- [Exit codes](#exit-codes)
- [Completion](#completion)
- [Commands](#commands)

## Install

`make install-cli` puts `agentctl` into `.venv/bin` and links it to `~/.local/bin`. Elsewhere install the package
`sdk/` with the extra `cli`. `python -m agentflow.cli` is the same command.

## Settings

| setting | option | variable |
|---|---|---|
| `endpoint`, the address of the API | `--endpoint` | `AGENTFLOW_ENDPOINT` |
| `token`, the API key | none, since other users see command lines | `AGENTFLOW_TOKEN`, `AGENTFLOW_TOKEN_FILE` |
| `org-id`, which must be the key's | `--org-id` | `AGENTFLOW_ORG_ID` |
| `output`, the format | `--output` | `AGENTFLOW_OUTPUT` |
| the profile | `--profile` | `AGENTFLOW_PROFILE` |

The first that is there wins: the option, the variable, the profile, and then the nearest `.agentflow/env` upward, which
a running `make run` keeps. The key in it is sent to that system's address only. Without any, the address is
`http://127.0.0.1:8080`.

Profiles are in `~/.config/agentflow/config.toml` (`AGENTFLOW_CONFIG` names another file), which only its owner can
read. `agentctl config show` says where each value comes from, with the key masked.

## Output

Stdout has data only; progress, notes and errors are on stderr. `-o` chooses the format: `table`, `wide` (more columns),
`json` and `yaml` (the whole answer), `name` (one id or name a line). Tables are drawn on terminals and plain on pipes;
`NO_COLOR` turns colours off. `--watch` prints again and again, `--wait` follows a run with its steps, attempts and
cost, `--dry-run` shows what would happen.

Durations are `250ms`, `90s`, `1h30m`, `2d`. Amounts are US dollars, exact to nine places. JSON may be given as text, as
`@file`, or as `-` for stdin.

## Exit codes
"""
COMPLETION = """
## Completion

```text
eval "$(agentctl completion bash)"          # in ~/.bashrc
eval "$(agentctl completion zsh)"           # in ~/.zshrc
agentctl completion fish | source           # in ~/.config/fish/config.fish
```

## Commands
"""


def page() -> str:
    """Return the whole page."""
    codes = ["\n", "| code | meaning |", "|---|---|", *(f"| {code} | {meaning} |" for code, meaning in EXIT_CODES)]
    context = click.Context(root, info_name="agentctl")
    parts = [HEAD, *codes, COMPLETION, "\n", *_contents()]
    for name in ENTRIES:
        command = root.get_command(context, name)
        assert command is not None
        parts += ["\n", *_section(command, f"agentctl {name}", level=3)]
    return "\n".join(part.rstrip("\n") for part in parts).rstrip("\n") + "\n"


def _contents() -> Iterator[str]:
    yield "| command | |"
    yield "|---|---|"
    for name, entry in ENTRIES.items():
        yield f"| [`agentctl {name}`](#agentctl-{name}) | {entry.summary} |"


def _section(command: click.Command, path: str, level: int) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    yield f"{'#' * level} {path}"
    yield "\n"
    if isinstance(command, click.Group):
        yield from _text(command.help)
        for name in command.list_commands(context):
            one = command.get_command(context, name)
            assert one is not None
            yield "\n"
            yield from _section(one, f"{path} {name}", level + 1)
        return
    yield f"`{' '.join([path, *command.collect_usage_pieces(context)])}`"
    yield "\n"
    yield from _text(command.help)
    if command.epilog:
        yield "\n"
        yield f"`{command.epilog.removeprefix('Example: ')}`" if "`" not in command.epilog else command.epilog
    yield from _options(command, context)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    own = [one for one in command.get_params(context) if isinstance(one, click.Option)]
    rows = [one.get_help_record(context) for one in own if not set(one.opts) & set(COMMON)]
    found = [row for row in rows if row is not None]
    if found:
        yield "\n"
        yield "| option | |"
        yield "|---|---|"
        yield from (f"| `{_cell(names)}` | {_cell(text)} |" for names, text in found)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _text(text: str | None) -> Iterator[str]:
    yield from (text or "").strip().splitlines()


def main() -> int:
    """Write the page, or compare it. Exit code 1: it differs."""
    if "--check" in sys.argv:
        return int(PAGE.read_text(encoding="utf-8") != page())
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
