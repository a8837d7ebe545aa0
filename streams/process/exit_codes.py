"""The exit code and the last line of a process of roles; the line says what to do.

The numbers are those of BSD's ``sysexits.h`` where one fits; 2 is argparse's, 124 that of ``timeout(1)``. A supervisor
needs to know two of them: a restart does not fix 2 and 78.
"""

from dataclasses import dataclass
from enum import IntEnum


class Exit(IntEnum):
    """The exit codes. ``docs/how-to/operations.md`` has the same table."""

    STOPPED = 0
    USAGE = 2
    BROKEN = 65
    NO_BROKER = 69
    CRASHED = 70
    OUT_OF_THREADS = 71
    LOOP_STUCK = 72
    DEPENDENCY_LOST = 75
    CONFIG = 78
    NOT_IN_TIME = 124


ADVICE: dict[Exit, str] = {
    Exit.STOPPED: "nothing to do",
    Exit.USAGE: "see `python -m streams --help`",
    Exit.BROKEN: "restore the log or rebuild the partition, see docs/how-to/operations.md, `A partition is broken`",
    Exit.NO_BROKER: "start the broker or correct KAFKA_BOOTSTRAP, then start this role again",
    Exit.CRASHED: "this is a defect of AgentFlow: start the role again, and report the traceback in its log",
    Exit.OUT_OF_THREADS: "start it again; give calls that hang isolation='process', see docs/how-to/tools.md",
    Exit.LOOP_STUCK: "start it again; the log has the stack: what blocks there must be a plain function or tool",
    Exit.DEPENDENCY_LOST: "fix the named dependency, then start this role again; nothing was acknowledged meanwhile",
    Exit.CONFIG: "correct the setting; a restart alone does not help",
    Exit.NOT_IN_TIME: "start it again: unfinished work is read again",
}
#: Codes after which a restart ends the same way, until somebody changes something.
FINAL = (Exit.USAGE, Exit.CONFIG)


@dataclass(frozen=True, slots=True)
class Ending:
    """The reason why a process ends. ``what`` is a sentence without its full stop."""

    exit: Exit
    what: str

    def line(self, name: str) -> str:
        """Return the last line of a process called ``name``."""
        return f"{name}: {self.what}; {ADVICE[self.exit]} (exit code {self.exit.value})"
