"""Several engines as one: started together, stopped together, one owner per data directory."""

from __future__ import annotations

import asyncio
import atexit
import fcntl
import os
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, get_args

from deploy.local.engines.clickhouse.engine import ClickHouseEngine
from deploy.local.engines.endpoints import Endpoints
from deploy.local.engines.engine import Engine, EngineContext
from deploy.local.engines.errors import DataDirBusyError, EngineError
from deploy.local.engines.kafka import KafkaEngine
from deploy.local.engines.nats import NatsEngine
from deploy.local.engines.ports import PortBook
from deploy.local.engines.postgres import PostgresEngine
from deploy.local.engines.progress import Progress, heartbeat, silent
from deploy.local.engines.redis import RedisEngine
from deploy.local.engines.secret_files import is_damaged, read_secret
from deploy.local.engines.tls.files import LocalTls
from deploy.local.engines.tls.front import TlsFront

EngineName = Literal["kafka", "redis", "postgres", "clickhouse", "nats"]
ALL_ENGINES: frozenset[EngineName] = frozenset(get_args(EngineName))

FACTORIES: dict[EngineName, Callable[[EngineContext], Engine]] = {
    "kafka": KafkaEngine,
    "redis": RedisEngine,
    "postgres": PostgresEngine,
    "clickhouse": ClickHouseEngine,
    "nats": NatsEngine,
}
#: Servers whose wheels are built without OpenSSL.
BEHIND_FRONT: frozenset[EngineName] = frozenset({"redis", "postgres"})


class EngineStack:
    """Engines on one data directory. Usable with `with` and `async with`; both give the `Endpoints`.

    `tls=True` encrypts every connection to them, with certificates that are made in the data directory. `jvm_options`
    are added to those of brokers, and win.

    Start it in a thread that outlives it, best the main one: on Linux the engines end with the thread that started
    them, so that nothing is left when this process dies. `durable=False` (tests) trades PostgreSQL's fsync for speed.
    """

    def __init__(
        self,
        data_dir: Path,
        which: Collection[EngineName] = ALL_ENGINES,
        *,
        durable: bool = True,
        progress: Progress = silent,
        warn: Progress = silent,
        tls: bool = False,
        jvm_options: Sequence[str] = (),
    ) -> None:
        self._data_dir = data_dir.resolve()
        self._which = frozenset(which)
        self._durable = durable
        self._progress = progress
        self._warn = warn
        self._jvm_options = tuple(jvm_options)
        self._tls = LocalTls(self._data_dir / "tls") if tls else None
        self._engines: dict[EngineName | Literal["tls"], Engine] = {}
        self._lock: IO[str] | None = None

    def start(self) -> Endpoints:
        """Start all engines and wait until all serve.

        Raises EngineStartError, JarsError, DataDirBusyError; then nothing is left running.
        """
        try:
            self.open()
            self.prepare()
            self._launch()
            self._wait_ready()
        except BaseException:
            self.stop()
            raise
        return self.endpoints

    def stop(self) -> None:
        """Stop all engines cleanly, at the same time. Safe to repeat; safe after a failed start."""
        try:
            self._each(lambda engine: engine.stop())
        finally:
            atexit.unregister(self._stop_at_exit)
            if self._lock is not None:
                self._lock.close()
                self._lock = None

    def open(self) -> None:
        """Take the data directory and choose the ports; starts nothing. Raises DataDirBusyError, EngineError."""
        self._data_dir.mkdir(parents=True, exist_ok=True)
        self._lock = lock(self._data_dir / "lock")
        atexit.register(self._stop_at_exit)
        context = EngineContext(
            data_dir=self._data_dir,
            ports=PortBook(self._data_dir / "ports.json", self._warn),
            secret=engines_secret(self._data_dir, self._warn),
            durable=self._durable,
            progress=self._progress,
            warn=self._warn,
            tls=self._tls,
            jvm_options=self._jvm_options,
        )
        if self._tls is not None:
            self._tls.make()  # once, before several engines would at the same time
        self._engines = {name: FACTORIES[name](context) for name in sorted(self._which)}
        if self._tls is not None and (behind := tuple(sorted(BEHIND_FRONT & self._which))):
            self._engines["tls"] = TlsFront(context, self._tls, behind)

    def prepare(self) -> None:
        """Prepare all engines at the same time, after `open`. Blocks, for some seconds the first time."""
        with heartbeat(self._progress, "engines: preparing"):
            self._each(lambda engine: engine.prepare())

    @property
    def engines(self) -> Mapping[EngineName | Literal["tls"], Engine]:
        """The engines of an open stack, for a supervisor that launches and watches each by itself."""
        return self._engines

    def engine(self, name: EngineName | Literal["tls"]) -> Engine:
        """One engine of a started stack, for `kill`, `stop`, `start` and `restart`. Raises KeyError."""
        return self._engines[name]

    @property
    def endpoints(self) -> Endpoints:
        """Addresses of the engines; empty strings for engines that are not part of this stack."""
        address = {name: engine.address for name, engine in self._engines.items()}
        return Endpoints(
            data_dir=self._data_dir,
            kafka_bootstrap=address.get("kafka", ""),
            redis_url=address.get("redis", ""),
            postgres_dsn=address.get("postgres", ""),
            clickhouse_url=address.get("clickhouse", ""),
            nats_url=address.get("nats", ""),
        )

    @property
    def start_seconds(self) -> dict[EngineName | Literal["tls"], float]:
        """How long each engine took from its launch until it served."""
        return {name: engine.start_seconds or 0.0 for name, engine in self._engines.items()}

    def __enter__(self) -> Endpoints:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Endpoints:
        try:
            self.open()
            await asyncio.to_thread(self.prepare)
            self._launch()  # in the loop's thread, which lives on; a pool's thread may not
            await asyncio.to_thread(self._wait_ready)
        except BaseException:
            self.stop()
            raise
        return self.endpoints

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def _launch(self) -> None:
        for engine in self._engines.values():
            engine.launch()

    def _wait_ready(self) -> None:
        self._each(lambda engine: engine.wait_ready())

    def _stop_at_exit(self) -> None:
        for engine in self._engines.values():  # no threads: Python starts none at this point
            engine.stop()

    def _each(self, action: Callable[[Engine], None]) -> None:
        """Run it for all engines at once; the first error is raised when all are done."""
        with ThreadPoolExecutor(max_workers=len(FACTORIES) + 1) as pool:
            for done in [pool.submit(action, engine) for engine in self._engines.values()]:
                done.result()


def lock(path: Path) -> IO[str]:
    """Lock the data directory for this process; the kernel releases the lock when the process ends."""
    handle = path.open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.seek(0)
        owner = handle.read().strip()
        handle.close()
        raise DataDirBusyError(
            f"{path.parent} is in use by process {owner}: stop that one, or choose another data directory"
        ) from None
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


def engines_secret(data_dir: Path, warn: Progress) -> str:
    """The password of this data directory's engines. Raises EngineError when it is lost but needed."""
    path = data_dir / "secret"
    if is_damaged(path) and (data_dir / "postgres" / "complete").exists():
        raise EngineError(
            f"{path} is empty, and PostgreSQL's data needs the password that was in it: restore the file from a "
            f"backup, or delete {data_dir} to start with an empty one"
        )
    return read_secret(path, lambda: secrets.token_hex(16), warn)
