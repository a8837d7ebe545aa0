"""The steps of ``make run`` from the first engine to the printed address, and the sample."""

import importlib
import threading
import time
from collections.abc import Callable

from deploy.local import env_file
from deploy.local.engines.engine import Engine
from deploy.local.engines.errors import EngineError
from deploy.local.engines.progress import heartbeat
from deploy.local.supervisor import Supervisor
from deploy.local.watched import Watched

POLL_S = 0.05
#: An engine that was killed meanwhile serves again within seconds.
PREPARATIONS, AGAIN_S = 10, 1.0


class Startup:
    """Runs in a thread beside the supervisor. A fault ends the whole command with its reason."""

    def __init__(self, supervisor: Supervisor, wanted_sample: bool | None, began: float) -> None:
        self._supervisor = supervisor
        self._system = supervisor.system
        self._screen = supervisor.screen
        self._wanted_sample = wanted_sample
        self._began = began

    def run(self) -> None:
        """Start everything, say where it serves, run the sample."""
        try:
            self._start()
            self._supervisor.serving = True
            self._tell()
        except EngineError as exc:
            self._supervisor.fail(str(exc))
        except Exception as exc:  # noqa: BLE001 - what ends this thread must end the command
            self._supervisor.fail(f"the start failed: {type(exc).__name__}: {exc}")

    def _start(self) -> None:
        watched = self._supervisor
        with heartbeat(self._screen.progress, "starting the engines: Kafka, Redis, PostgreSQL, ClickHouse, NATS"):
            for name, engine in self._system.stack.engines.items():
                self._beside(self._prepare_engine, engine, watched.engines[name])
            # Loaded while the engines start, which takes about as long.
            importlib.import_module("deploy.local.preparation")
            _until(watched.engines_serve)
        with heartbeat(self._screen.progress, "migrating the schemas and creating the topics"):
            self._prepare()
        with heartbeat(self._screen.progress, "starting the roles"):
            watched.add_roles()
            for role in watched.roles.values():
                role.enabled = True
            _until(watched.roles_serve)

    def _prepare_engine(self, engine: Engine, watched: Watched) -> None:
        try:
            engine.prepare()
            watched.enabled = True
        except Exception as exc:  # noqa: BLE001 - see `run`
            self._supervisor.fail(f"{engine.name} cannot be prepared: {exc}")

    def _prepare(self) -> None:
        for attempt in range(1, PREPARATIONS + 1):
            try:
                self._system.prepare()
                return
            except Exception:
                # While an engine is down it will come back; on engines that serve the fault is another one.
                if attempt == PREPARATIONS or (attempt > 1 and self._supervisor.engines_serve()):
                    raise
                time.sleep(AGAIN_S)
                _until(self._supervisor.engines_serve)

    def _tell(self) -> None:
        system, screen = self._system, self._screen
        env_file.write(system)
        seconds = f"serving on {system.api_url} after {time.monotonic() - self._began:.1f} s"
        if not screen.terminal:
            screen.say(seconds)
        # Imported late: the engines are not to wait for what comes after them.
        from deploy.local.instructions import instructions
        from deploy.local.samples.once import Sample
        from deploy.local.samples.runs import SampleError

        sample = Sample(system.data_dir, wanted=self._wanted_sample, terminal=screen.terminal)
        if sample.due:
            screen.progress(f"{seconds}; now the sample runs, once: `make run ARGS=--no-sample` leaves it out")
            try:
                sample.run(system.api_url, system.api_key)
            except SampleError as exc:
                screen.warn(
                    f"warning: the sample did not succeed, and the system serves nevertheless: {exc}. "
                    "`make run ARGS=--sample` runs it again, `make run ARGS=--no-sample` leaves it out"
                )
        screen.progress(instructions(system, registered=sample.registered))
        screen.progress(seconds)

    def _beside(self, work: Callable[[Engine, Watched], None], engine: Engine, watched: Watched) -> None:
        threading.Thread(target=work, args=(engine, watched), name=f"prepare-{engine.name}", daemon=True).start()


def _until(done: Callable[[], bool]) -> None:
    while not done():
        time.sleep(POLL_S)
