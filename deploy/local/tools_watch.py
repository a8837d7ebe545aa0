"""Watches a user's file of tools: a change that loads restarts the worker, a broken one is reported."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from connectors.objects.file_stamp import stamp_of
from deploy.local.roles import ROOT
from deploy.local.screen import shown
from deploy.local.supervisor import WORKER, Supervisor

POLL_S = 0.3
#: A module that takes longer to import would keep every worker from starting.
CHECK_S = 30.0


class ToolsWatch:
    """Checks the file at the start and after each change, in a thread of its own."""

    def __init__(self, path: Path, supervisor: Supervisor) -> None:
        self._path = path
        self._supervisor = supervisor
        self._checked = stamp_of(path)

    def start(self) -> None:
        """Begin to watch."""
        threading.Thread(target=self._watch, name="tools", daemon=True).start()

    def _watch(self) -> None:
        if (fault := self._fault()) is not None:
            self._warn(f"{fault}; the system serves without it until it is corrected")
        while True:
            time.sleep(POLL_S)
            stamp = stamp_of(self._path)
            if stamp == self._checked:
                continue
            self._checked = stamp
            if (fault := self._fault()) is not None:
                self._warn(f"{fault}; the worker keeps what it has until it is corrected")
            else:
                self._reload()

    def _reload(self) -> None:
        """Restart the worker; once it serves, the API may take workflows that name what is new."""
        screen, roles = self._supervisor.screen, self._supervisor.roles
        screen.warn(f"{shown(self._path)} has changed: the worker starts again with it")
        self._supervisor.replace(WORKER)
        while not roles[WORKER].serves:
            time.sleep(POLL_S)
        api = self._supervisor.system.roles["api"].process
        if api is not None and roles["api"].serves:
            api.send_signal(signal.SIGHUP)
        screen.warn(f"the worker serves again, with {shown(self._path)}")

    def _fault(self) -> str | None:
        """Load the file in a process of its own; return what is wrong with it."""
        command = [sys.executable, "-m", "connectors.tools.tools_file", str(self._path)]
        env = self._supervisor.system.roles[WORKER].environment()
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=CHECK_S, check=False
            )
        except subprocess.TimeoutExpired:
            return f"{shown(self._path)} is not loaded within {CHECK_S:g} s"
        if done.returncode == 0:
            return None
        return (done.stderr.strip().splitlines() or [f"{shown(self._path)} ends the process that loads it"])[-1]

    def _warn(self, message: str) -> None:
        self._supervisor.screen.warn(f"warning: {message}")
