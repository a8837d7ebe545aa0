"""The guide's commands, copied from the page, on one system: each works, and each that is pending does not."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.firsthour.commands import Shell
from bench.firsthour.doc_blocks import Block, blocks, missing_lines
from deploy.local import env_file
from deploy.local.roles import ROOT
from deploy.local.system import System

GUIDE = ROOT / "docs" / "guide.md"
PENDING = re.compile(r"^(?P<command>.+?)\s+# pending: (?P<pillar>prompts|observability)$")
#: The exit code of a command or an option that there is not.
USAGE = 2


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A shell in a directory that looks like a checkout, where a system runs and ``agentctl`` is installed."""
    folder = tmp_path_factory.mktemp("checkout")
    with System(tmp_path_factory.mktemp("system"), durable=False) as system:
        env_file.write(system)
        (folder / ".agentflow").symlink_to(system.data_dir)
        (folder / "examples").symlink_to(ROOT / "examples")
        install(folder / "bin")
        found = Shell(folder)
        found.run(f"export PATH={folder / 'bin'}:$PATH PYTHONPATH={ROOT / 'sdk'}:{ROOT}; shopt -s expand_aliases")
        yield found
        found.close()


def install(folder: Path) -> None:
    folder.mkdir()
    for name, arguments in (("agentctl", "-m agentflow.cli"), ("python", "")):
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {arguments} "$@"\n', encoding="utf-8")
        program.chmod(0o755)


def lines_of(text: str) -> tuple[str, list[str]]:
    """Return the commands that work, and those that are pending."""
    pending = [found["command"] for line in text.splitlines() if (found := PENDING.match(line))]
    return "\n".join(line for line in text.splitlines() if not PENDING.match(line)), pending


def follow(shell: Shell, block: Block, promised: str) -> list[str]:
    """Run a block; return what is wrong with it."""
    commands, pending = lines_of(block.text)
    if block.language == "python":
        commands = f"python - <<'END'\n{commands}\nEND"
    succeeded, output = shell.run(commands)
    wrong = [] if succeeded else [f"{block}: a command failed\n{output}"]
    if missing := missing_lines(promised, output):
        wrong.append(f"{block}: missing: {'; '.join(missing)}\n{output}")
    for command in pending:
        _, code = shell.run(f"{command} > /dev/null 2>&1; echo $?")
        if code.strip() != str(USAGE):
            wrong.append(f"{block}: {command} is pending and ended with {code.strip()}: is it there now?")
    return wrong


@pytest.mark.timeout(240)
def test_every_command_of_the_guide_works_as_written_but_those_that_are_pending(shell: Shell) -> None:
    found = blocks(GUIDE)
    wrong: list[str] = []
    for block, after in zip(found, [*found[1:], None], strict=True):
        if block.language in {"bash", "python"}:
            promised = after.text if after is not None and after.language in {"text", "json"} else ""
            wrong += follow(shell, block, promised)
    assert wrong == [], "\n".join(wrong)


def test_the_guide_has_every_command_of_its_overview() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    for command in (
        *("workflow submit", "workflow list --status running", "workflow get", "workflow cancel"),
        *("prompt create", "prompt list", "prompt get", "prompt eval", "prompt deploy"),
        *("trace get", "trace query --start 1h --end now", "trace replay", "trace diff"),
        *("budget create --limit 1000 --period monthly", "budget list", "budget get"),
        *("status", "status --verbose", "config show", "config set endpoint", "config set org-id", "config set token"),
    ):
        assert f"agentctl {command}" in text, command


def test_a_pending_command_that_works_is_noticed(shell: Shell) -> None:
    block = Block("guide.md", 1, "bash", "agentctl --version    # pending: prompts\n")
    assert "is it there now?" in follow(shell, block, "")[0]
