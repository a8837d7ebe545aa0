"""The first hour of a user as a script: a fresh data directory, and the commands of the pages, copied from them."""

import os
import re
import secrets
import selectors
import signal
import subprocess
import time
from pathlib import Path

from bench.firsthour.doc_blocks import Block, blocks, missing_lines
from bench.firsthour.make_run import MakeRun
from deploy.local.engines.progress import Progress
from deploy.local.roles import ROOT

TUTORIAL = ROOT / "docs/tutorial/first-workflow.md"
REGISTER = ROOT / "docs/how-to/register.md"
FURTHER = (REGISTER, ROOT / "README.md", ROOT / "examples/README.md")
#: Installs, and starts that have happened already.
NOT_AGAIN = re.compile(r"^(?:make|git|docker)\b|pip install", re.MULTILINE)
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
CHECKOUT = (".venv", "examples", "docs", "sdk", "schemas", "topics", "connectors", "services", "streams", "deploy")


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
        """End the shell, and what it has left in the background."""
        os.killpg(self._bash.pid, signal.SIGKILL)
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
    hour = _FirstHour(folder, progress)
    try:
        hour.tutorial()
        hour.further_pages()
        hour.operators_commands()
        hour.stop()
    finally:
        hour.end()
    return hour.failures


class _FirstHour:
    """A directory that looks like a fresh checkout, a shell in it, and what failed so far."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        self.failures: list[str] = []
        self._folder = folder
        self._progress = progress
        self._clone = folder / "checkout"
        self._clone.mkdir()
        for name in CHECKOUT:
            (self._clone / name).symlink_to(ROOT / name)
        self._shell = Shell(self._clone)
        self._system: MakeRun | None = None

    def tutorial(self) -> None:
        found = blocks(TUTORIAL)
        for block, after in zip(found, [*found[1:], None], strict=True):
            if (start := START.search(block.text)) is not None:
                self._start(start[1])
            elif block.language == "bash":
                self._follow(block, after)

    def further_pages(self) -> None:
        for block in (block for page in FURTHER for block in blocks(page)):
            if block.language == "bash" and not NOT_AGAIN.search(block.text):
                self._follow(block, None)

    def operators_commands(self) -> None:
        found = OPERATORS.findall(OPERATIONS.read_text(encoding="utf-8"))
        for command in found:
            self._progress(command)
            succeeded, output = self._shell.run(command)
            self.failures += [] if succeeded else [f"{command}\n{output}"]
        self.failures += [] if found else [f"{OPERATIONS.name} has no operator's command"]

    def stop(self) -> None:
        if self._system is None:
            self.failures.append(f"{TUTORIAL.name} does not start the system")
            return
        code, _ = self._system.interrupt()
        self.failures += [f"make run ended with exit code {code}:\n{self._system.said}"] if code else []

    def end(self) -> None:
        self._shell.close()
        if self._system is not None:
            self._system.end()

    def _start(self, tools: str | None) -> None:
        env = {"TOOLS": str(self._clone / tools)} if tools else {}
        self._system = MakeRun(self._clone / ".agentflow", self._folder / "make-run.log", (), env)
        self._progress(f"serving after {self._system.wait_serving():.1f} s")

    def _follow(self, block: Block, after: Block | None) -> None:
        self._progress(str(block))
        promised = after.text if after is not None and after.language in {"text", "json"} else ""
        if START.search(promised):
            promised = ""
        succeeded, output = self._shell.run(block.text)
        missing = missing_lines(promised, output)
        refused = PROBLEM in output and not promised
        if missing or refused or not succeeded:
            why = f"missing: {'; '.join(missing)}" if missing else "a command failed"
            self.failures.append(f"{block}: {why}\n{output}")
