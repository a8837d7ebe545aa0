"""``make run``: starts everything, watches every engine and role, names what dies and starts it again.

The main thread launches and watches, and never blocks, so that an interrupt is served at once. The steps of the start
and the sample run in a second thread, ``deploy.local.startup``.
"""

import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from types import FrameType

from deploy.local.engines.errors import EngineError
from deploy.local.screen import Screen
from deploy.local.shutdown import stop_engines_within, stop_roles
from deploy.local.system import READY_TIMEOUT_S, System
from deploy.local.watched import Death, Watched

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_GAVE_UP, EXIT_INTERRUPTED = 0, 1, 2, 3, 130
#: A death is noticed within this.
TICK_S = 0.05
API_POLL_S = 0.1
WORKER = "worker"
DRAIN_S = 25.0


class Interrupts:
    """Counts the signals from its making on."""

    def __init__(self) -> None:
        self.count = 0
        self._asked = threading.Event()
        for sign in SIGNALS:
            signal.signal(sign, self._note)

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until a signal; return whether one has come."""
        return self._asked.wait(seconds)

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        self.count += 1
        self._asked.set()


class Supervisor:
    """Watches the processes of a system from before its first launch to its end."""

    def __init__(self, system: System, screen: Screen, interrupts: Interrupts, *, drain_s: float = DRAIN_S) -> None:
        """``system`` is open: it has its data directory and its ports."""
        self.system = system
        self.screen = screen
        self.serving = False
        self._interrupts = interrupts
        self._drain_s = drain_s
        self._failure: str | None = None
        self._down: dict[str, float] = {}
        self.engines = {
            name: Watched(name, engine, engine.wait_ready, lambda: True)
            for name, engine in system.stack.engines.items()
        }
        self.roles: dict[str, Watched] = {}

    def add_roles(self) -> None:
        """Watch the roles of the system, which may be launched while every engine serves."""
        for name, role in self.system.roles.items():
            wait = self._wait_for_api if name == "api" else partial(role.wait_ready, READY_TIMEOUT_S)
            self.roles[name] = Watched(name, role, wait, self.engines_serve)

    def engines_serve(self) -> bool:
        """Return true if every engine serves."""
        return all(engine.serves for engine in self.engines.values())

    def roles_serve(self) -> bool:
        """Return true if every role serves."""
        return all(role.serves for role in self.roles.values())

    def replace(self, name: str) -> None:
        """Stop a role and start it again; it finishes what it works on first, and does not count as serving."""
        self.roles[name].expect_end()
        process = self.system.roles[name].process
        if process is not None:
            process.terminate()

    def fail(self, why: str) -> None:
        """End everything with a reason, from any thread."""
        self._failure = why

    def run(self, startup: Callable[[], None]) -> int:
        """Run ``startup`` beside the watch; return the exit code when all is over."""
        threading.Thread(target=startup, name="startup", daemon=True).start()
        try:
            return self._watch()
        finally:
            self._stop()

    def _watch(self) -> int:
        while not self._interrupts.wait(TICK_S):
            if self._failure is not None:
                self.screen.warn(self._failure)
                return EXIT_FAILED
            now = time.monotonic()
            for one in (*self.engines.values(), *self.roles.values()):
                if (death := self._look(one, now)) is not None and death.last:
                    return EXIT_GAVE_UP
        self.screen.progress("stopping" if self.serving else "interrupted; stopping")
        return EXIT_OK if self.serving else EXIT_INTERRUPTED

    def _look(self, one: Watched, now: float) -> Death | None:
        death = one.look(now)
        if death is not None:
            self._down.setdefault(one.name, now)
            self.screen.warn(str(death))
        elif one.name in self._down and one.serves:
            self.screen.warn(f"{one.name} serves again after {now - self._down.pop(one.name):.1f} s")
        return death

    def _wait_for_api(self) -> None:
        """Block until the API serves. Raises ``EngineError`` when its process ends or the time is up."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not self.system.api_serves():
            if self.system.roles["api"].pid is None or time.monotonic() > deadline:
                raise EngineError("the API is not ready")
            time.sleep(API_POLL_S)

    def _stop(self) -> None:
        asked = self._interrupts.count
        worker = self.roles.get(WORKER)
        # A drain needs its engines, and before it served a worker has no calls.
        drains = WORKER if worker is not None and worker.serves and self.engines_serve() else None
        stop_roles(
            self.system.roles, drains, self._drain_s, lambda: self._interrupts.count > max(asked, 1), self.screen.warn
        )
        stop_engines_within(list(self.system.stack.engines.values()))
        self.system.stack.stop()
        self.screen.progress("everything is stopped; the data stays")
        self.screen.close()
