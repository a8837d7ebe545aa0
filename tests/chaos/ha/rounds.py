"""What strikes: brokers in turn, masters of Redis, and stores that are away for a while. Three lanes at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.ha.site import REDIS_MASTER
from tests.chaos.plan import Fault

BROKERS = ("kafka-1", "kafka-2", "kafka-3")
#: Longer than Redis takes to miss a master, so that a replica takes over.
MASTER_DOWN_S = 4.0
BROKER_DOWN_S = 2.0
POSTGRES_DOWN_S = 4.0
NATS_DOWN_S = 10.0


@dataclass(frozen=True, slots=True)
class Rounds:
    """How often each is struck; ``clickhouse_s`` is how long ClickHouse is away."""

    brokers: int = 20
    redis: int = 10
    postgres: int = 3
    clickhouse_s: float = 300.0
    nats: int = 2

    def lanes(self) -> Mapping[str, Sequence[Fault]]:
        """Return the faults of each lane. In a lane one strikes when all is whole again after the one before."""
        brokers = [Fault(0.0, "kill", BROKERS[n % len(BROKERS)], BROKER_DOWN_S) for n in range(self.brokers)]
        masters = [Fault(0.0, "kill", REDIS_MASTER, MASTER_DOWN_S) for _ in range(self.redis)]
        stores = [Fault(0.0, "kill", "postgres", POSTGRES_DOWN_S) for _ in range(self.postgres)]
        stores += [Fault(0.0, "kill", "nats", NATS_DOWN_S) for _ in range(self.nats)]
        away = [Fault(0.0, "kill", "clickhouse", self.clickhouse_s)] if self.clickhouse_s else []
        return {"brokers and Redis": _mixed(brokers, masters), "stores": stores, "ClickHouse": away}


def _mixed(brokers: Sequence[Fault], masters: Sequence[Fault]) -> list[Fault]:
    """Return both, evenly mixed: with a broker and a master down at once nothing would say whose stall it was."""
    of = [((n + 0.5) / len(part), fault) for part in (brokers, masters) for n, fault in enumerate(part)]
    return [fault for _, fault in sorted(of, key=lambda one: one[0])]
