"""Measures the longest silence of a command: ``python tests/support/silence.py [--most SECONDS] -- COMMAND [ARG …]``.

It runs the command, passes its output on, and fails when two lines (or the start and the first, or the last and the
end) are further apart than allowed; the default is five seconds.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

MAX_SECONDS = 5.0


@dataclass
class Heard:
    """What a command printed, and when, in seconds from its start."""

    code: int = 0
    lines: list[tuple[float, str]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def longest_silence_s(self) -> float:
        """The longest time without a line."""
        moments = [0.0, *(at for at, _ in self.lines), self.seconds]
        return max(later - earlier for earlier, later in pairwise(moments))

    def first(self, text: str) -> float | None:
        """Return when a line with ``text`` came first."""
        return next((at for at, line in self.lines if text in line), None)


def listen(command: Sequence[str], tell: Callable[[str], object] = lambda _line: None) -> Heard:
    """Run a command and note when it printed what; ``tell`` gets each line."""
    heard, started = Heard(), time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            heard.lines.append((time.monotonic() - started, line.rstrip("\n")))
            tell(line)
    heard.code, heard.seconds = process.returncode, time.monotonic() - started
    return heard


def main() -> int:
    """Run the command line; the exit code is the command's, or 1 when it was silent for too long."""
    parser = argparse.ArgumentParser(prog="python tests/support/silence.py")
    parser.add_argument("--most", type=float, default=MAX_SECONDS, help="seconds")
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    heard = listen(args.command, sys.stdout.write)
    silence = heard.longest_silence_s
    sys.stdout.write(f"longest silence {silence:.1f} s of {heard.seconds:.1f} s\n")
    return heard.code or int(silence > args.most)


if __name__ == "__main__":
    sys.exit(main())
