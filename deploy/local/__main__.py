"""``python -m deploy.local run|demo``: the whole system on this machine.

``run`` keeps its data in ``.agentflow`` and serves until Ctrl-C; ``demo`` runs the sample in a temporary directory and
stops. This module answers Ctrl-C before anything else is imported, which takes a moment.
"""

import os
import signal
import sys

EXIT_INTERRUPTED = 130


def _leave(*_: object) -> None:
    os.write(2, b"interrupted; nothing was started\n")
    os._exit(EXIT_INTERRUPTED)


def main() -> int:
    """Run the command; see ``deploy.local.command``."""
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, _leave)
    from deploy.local.command import main as command

    return command(sys.argv[1:])


if __name__ == "__main__":
    code = main()
    # Threads of a start that was interrupted may still wait for something; nothing of theirs is needed any more.
    os._exit(code)
