"""What operators' commands have in common: settings from the environment, and the exit codes of their errors."""

import os
import sys
from collections.abc import Callable, Sequence

from schemas.configuration.running_system import environment
from schemas.errors import AgentFlowError, Rejected
from schemas.settings import Settings

EXIT_OK, EXIT_REFUSED, EXIT_USAGE, EXIT_UNAVAILABLE = 0, 1, 2, 3


def run_command(name: str, argv: Sequence[str], work: Callable[[Settings], int], again: str = "") -> int:
    """Run a command with the settings of its environment; return its exit code.

    What goes wrong is one line on standard error: 2 for settings that cannot be read, 1 for what is refused
    (``Rejected``), 3 for an engine that is away, where ``again`` says how to continue.
    """
    try:
        settings = Settings.from_env(environment(os.environ, argv))
    except ValueError as exc:
        sys.stderr.write(f"{exc}\n")
        return EXIT_USAGE
    try:
        return work(settings)
    except Rejected as exc:
        sys.stderr.write(f"{name}: {exc}\n")
        return EXIT_REFUSED
    except AgentFlowError as exc:
        sys.stderr.write("; ".join(part for part in (f"{name}: {exc}", again) if part) + "\n")
        return EXIT_UNAVAILABLE
