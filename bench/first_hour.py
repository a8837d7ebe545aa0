"""The first hour of a user as a script: a fresh data directory, and the commands of the pages, copied from them."""

import os
import re
import secrets
import selectors
import subprocess
import time
from pathlib import Path

from bench.doc_blocks import Block, blocks, missing_lines
from bench.make_run import MakeRun
from deploy.local.engines.progress import Progress
from deploy.local.roles import ROOT

TUTORIAL = ROOT / "docs/tutorial/first-workflow.md"
REGISTER = ROOT / "docs/how-to/register.md"
OPERATIONS = ROOT / "docs/how-to/operations.md"
#: Commands that change nothing and name nothing that a fresh system lacks.
OPERATORS = re.compile(
    r"^\.venv/bin/python -m (?:topics describe|topics dlq list|streams\.ops list|deploy\.migrate status).*$",
    re.MULTILINE,
)
#: The first start, by its line in the tutorial.
START = re.compile(r"^(?:TOOLS=(\S+) )?make run$", re.MULTILINE)
#: A refusal that no page promises is a failure.
PROBLEM = "urn:agentflow:problem:"
BLOCK_S = 60.0


class Shell:
    """One ``bash`` that runs block after block, as a terminal does."""

    def __init__(self, folder: Path) -> None:
        self._bash = subprocess.Popen(
            ["/bin/bash", "--norc", "--noprofile"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], "HOME": str(folder)},
            start_new_session=True,
        )

    def run(self, commands: str, timeout_s: float = BLOCK_S) -> tuple[bool, str]:
        """Run commands; return whether all succeeded in time, and the output."""
        assert self._bash.stdin is not None
        mark = secrets.token_hex(8)
        script = f"failed=0; trap 'failed=1' ERR\n{commands}\ntrap - ERR; echo; echo {mark} $failed\n"
        self._bash.stdin.write(script.encode())
        self._bash.stdin.flush()
        output = self._read_until(mark, time.monotonic() + timeout_s)
        text, found, code = output.rpartition(f"\n{mark} ")
        return (code.strip() == "0", text) if found else (False, output + "\n(it did not end in time)")

    def close(self) -> None:
        """End the shell."""
        self._bash.kill()
        self._bash.communicate()

    def _read_until(self, mark: str, deadline: float) -> str:
        assert self._bash.stdout is not None
        output = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._bash.stdout, selectors.EVENT_READ)
            while not re.search(rb"\n%s \d\n" % mark.encode(), output):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    break
                if not (read := os.read(self._bash.stdout.fileno(), 65_536)):
                    break
                output += read
        return output.decode("utf-8", "replace")


def first_hour(folder: Path, progress: Progress) -> list[str]:
    """Follow the pages in an empty directory; return what failed, with the page and the line."""
    clone = folder / "checkout"
    clone.mkdir()
    for name in (
        ".venv",
        "examples",
        "docs",
        "sdk",
        "topics",
        "schemas",
        "connectors",
        "services",
        "streams",
        "deploy",
    ):
        (clone / name).symlink_to(ROOT / name)
    shell, system, failures = Shell(clone), None, []
    pages = blocks(TUTORIAL)
    try:
        for block, after in zip(pages, [*pages[1:], None], strict=True):
            if (start := START.search(block.text)) is not None:
                env = {"TOOLS": str(clone / start[1])} if start[1] else {}
                system = MakeRun(clone / ".agentflow", folder / "make-run.log", (), env)
                progress(f"serving after {system.wait_serving():.1f} s")
            elif block.language == "bash":
                progress(str(block))
                failures += _follow(shell, block, after)
        failures += [
            text for block in blocks(REGISTER) if block.language == "bash" for text in _follow(shell, block, None)
        ]
        failures += _operate(shell)
        if system is not None:
            code, _ = system.interrupt()
            failures += [f"make run ended with exit code {code}:\n{system.said}"] if code else []
    finally:
        shell.close()
        if system is not None:
            system.end()
    return failures


def _follow(shell: Shell, block: Block, after: Block | None) -> list[str]:
    promised = after.text if after is not None and after.language in {"text", "json"} else ""
    if START.search(promised):
        promised = ""
    succeeded, output = shell.run(block.text)
    missing = missing_lines(promised, output)
    refused = PROBLEM in output and not promised
    if succeeded and not missing and not refused:
        return []
    return [f"{block}: {'missing: ' + '; '.join(missing) if missing else 'a command failed'}\n{output}"]


def _operate(shell: Shell) -> list[str]:
    found = OPERATORS.findall(OPERATIONS.read_text(encoding="utf-8"))
    if not found:
        return [f"{OPERATIONS.name} has no operator's command"]
    return [f"{command}\n{output}" for command in found for good, output in [shell.run(command)] if not good]
