"""Brokers as a cluster. Each is a controller, too; internal topics have three replicas, two of them in sync."""

from __future__ import annotations

import base64
import hashlib

from deploy.local.engines.engine import EngineContext
from deploy.local.engines.kafka import KafkaEngine
from deploy.local.engines.ports import LOOPBACK
from deploy.local.engines.several import Several
from schemas.configuration.kafka_access import Bootstrap, access_of

#: A node that is lost is missed by the majority of the others.
BROKERS = 3
#: What one acknowledgement means: the record is on two brokers at least.
MIN_ISR = 2


class KafkaNode(KafkaEngine):
    """One of the brokers. ``quorum`` has the names of all."""

    number: int = 0
    quorum: tuple[str, ...] = ()

    def __init__(self, context: EngineContext) -> None:
        super().__init__(context)
        self._port = context.ports.port(self.name)
        self._controller_port = context.ports.port(f"{self.name}-controller")

    def _write_config(self) -> None:
        super()._write_config()
        with self._config.open("a") as config:  # the last line of a name counts
            config.writelines(f"{key}={value}\n" for key, value in self._settings().items())

    def _settings(self) -> dict[str, str]:
        """Return what is not as of a single broker: its number, and replicas of internal topics."""
        ports = self.context.ports
        voters = (
            f"{number}@{LOOPBACK}:{ports.port(f'{name}-controller')}" for number, name in enumerate(self.quorum, 1)
        )
        replicas, in_sync, tls = str(BROKERS), str(MIN_ISR), self.context.tls
        return ({} if tls is None else {"ssl.keystore.location": str(tls.both_of(self.name))}) | {
            "node.id": str(self.number),
            "controller.quorum.voters": ",".join(voters),
            "offsets.topic.replication.factor": replicas,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": in_sync,
            "share.coordinator.state.topic.replication.factor": replicas,
            "share.coordinator.state.topic.min.isr": in_sync,
            "default.replication.factor": replicas,
            "min.insync.replicas": in_sync,
            # A killed follower leaves the set of replicas when its broker is given up. By a short lag followers that
            # live leave it, too, on a machine that is busy with a failover; then nothing can be written.
            "replica.lag.time.max.ms": "30000",
            # While a commit of offsets waits for replicas, its connection brings no heartbeat: less than any session.
            "offsets.commit.timeout.ms": "1000",
            "controller.quorum.election.timeout.ms": "500",
            # With 1 s a busy machine elected controllers that nobody had missed.
            "controller.quorum.fetch.timeout.ms": "1500",
        }

    def cluster_id(self) -> str:
        """Return the id that all brokers of a data directory share."""
        digest = hashlib.sha256(f"kafka/{self.context.secret}".encode()).digest()
        return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")


class KafkaCluster(Several):
    """Three brokers or more. ``address`` has all of them."""

    name = "kafka"

    def __init__(self, context: EngineContext, brokers: int = BROKERS) -> None:
        names = names_of(brokers)
        for name in names:  # chosen before the first writes who the voters are
            context.ports.port(f"{name}-controller")
        super().__init__(context, [_node(number, name, names)(context) for number, name in enumerate(names, 1)])

    @property
    def address(self) -> Bootstrap:
        first = self.servers[0].address
        return Bootstrap(",".join(server.address for server in self.servers), access_of(first))


def names_of(brokers: int) -> tuple[str, ...]:
    """Return the names of so many brokers."""
    return tuple(f"kafka-{number}" for number in range(1, brokers + 1))


def replicas_of(brokers: int) -> tuple[int, int]:
    """Return how many replicas topics have on so many brokers, and how many of them must be in sync."""
    return (BROKERS, MIN_ISR) if brokers >= BROKERS else (1, 1)


def _node(number: int, name: str, quorum: tuple[str, ...]) -> type[KafkaNode]:
    """Return the engine of one broker: an engine's name is its class's."""
    return type(f"KafkaNode{number}", (KafkaNode,), {"name": name, "number": number, "quorum": quorum})
