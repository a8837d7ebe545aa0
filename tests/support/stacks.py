"""On SIGUSR1 a process of the tests writes where each of its threads stands, to a file of its own."""

import faulthandler
import os
import signal
from pathlib import Path

#: The variable with the folder of the files, see ``tests.support.phase``. Standard error is captured by pytest.
FOLDER = "TESTS_STACKS_DIR"


def answer_with_stacks() -> None:
    """Do so from now on, if somebody asks for it."""
    if folder := os.environ.get(FOLDER):
        # It stays open for the life of the process.
        file = Path(folder, f"{os.getpid()}.txt").open("w")  # noqa: SIM115
        faulthandler.register(signal.SIGUSR1, file=file, all_threads=True)
