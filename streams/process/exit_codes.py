"""How a process of roles ends: its exit code and its last line, which says what to do.

The numbers are those of BSD's ``sysexits.h`` where one fits; 2 is argparse's, 124 that of ``timeout(1)``. A supervisor
need not know them: only 2 and 78 are not mended by a restart.
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
    DEPENDENCY_LOST = 75
    CONFIG = 78
    NOT_IN_TIME = 124


ADVICE: dict[Exit, str] = {
    Exit.STOPPED: "nothing to do",
    Exit.USAGE: "see `python -m streams --help`",
    Exit.BROKEN: "bring the log back or rebuild the partition, see docs/how-to/operations.md, `A partition is broken`",
    Exit.NO_BROKER: "start the broker or mend KAFKA_BOOTSTRAP, then start this role again",
    Exit.CRASHED: "it is a defect of ours: start it again, and report the traceback that its log has",
    Exit.DEPENDENCY_LOST: "mend what it names, then start this role again; nothing was acknowledged meanwhile",
    Exit.CONFIG: "mend the setting; a restart alone does not help",
    Exit.NOT_IN_TIME: "start it again: what it left unfinished is read again",
}
#: Codes after which a restart ends the same way, until somebody changes something.
FINAL = (Exit.USAGE, Exit.CONFIG)


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a process ends. ``what`` is a sentence without its full stop."""

    exit: Exit
    what: str

    def line(self, name: str) -> str:
        """Return the last line of a process called ``name``."""
        return f"{name}: {self.what}; {ADVICE[self.exit]} (exit code {self.exit.value})"
