"""Several servers as one engine: brokers of a cluster, servers of Redis with their Sentinels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from deploy.local.engines.engine import Engine, EngineContext, Launch


class Several(Engine):
    """An engine whose servers are started and stopped together. ``servers`` is for those who treat one of them alone.

    It has a process id while all of its servers run; a launch starts those that do not.
    """

    def __init__(self, context: EngineContext, servers: Sequence[Engine]) -> None:
        super().__init__(context)
        self.servers = servers

    def prepare(self) -> None:
        """Prepare all."""
        self._each(lambda server: server.prepare())

    def launch_spec(self) -> Launch:
        """There is no process of its own. Raises ``TypeError``."""
        raise TypeError(f"{self.name} has {len(self.servers)} servers: launch each")

    def probe(self) -> bool:
        """Whether all answer."""
        return all(server.probe() for server in self.servers)

    def join(self) -> None:
        """Make the servers one engine, after all answer. Blocks; safe to repeat."""

    @property
    def pid(self) -> int | None:
        """The process id of the first, while all run."""
        pids = [server.pid for server in self.servers]
        return None if None in pids else pids[0]

    @property
    def returncode(self) -> int | None:
        """How the first that does not run has ended; ``None`` while all run."""
        return next((server.returncode for server in self.servers if server.pid is None), None)

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of each server that does not run."""
        return "\n".join(server.log_tail(lines) for server in self.servers if server.pid is None)

    def launch(self) -> None:
        """Start each that does not run, in the calling thread."""
        for server in self.servers:
            server.launch()

    def wait_ready(self) -> None:
        """Block until all serve as one. Raises EngineStartError."""
        self._each(lambda server: server.wait_ready())
        self.join()
        self.start_seconds = max(server.start_seconds or 0.0 for server in self.servers)

    def stop(self) -> None:
        """Stop all at once."""
        self._each(lambda server: server.stop())

    def kill(self) -> None:
        """SIGKILL all."""
        for server in self.servers:
            server.kill()

    def _each(self, action: Callable[[Engine], None]) -> None:
        with ThreadPoolExecutor(max_workers=len(self.servers)) as pool:
            for done in [pool.submit(action, server) for server in self.servers]:
                done.result()
