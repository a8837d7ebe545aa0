"""A stack some of whose engines are several servers: three brokers, a cluster of Redis or one that Sentinels watch."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from deploy.local.engines.errors import EngineError
from deploy.local.engines.kafka_cluster import KafkaCluster, names_of
from deploy.local.engines.progress import Progress, silent
from deploy.local.engines.redis_servers import RedisCluster, RedisWatched
from deploy.local.engines.stack import ALL_ENGINES, EngineName, EngineStack

#: Servers that name each other to clients would name their plain ports: the front's are known to the front alone.
NO_TLS = (
    "TLS=1 is for one server of Redis here, since the wheel's Redis speaks no TLS: leave out REDIS or TLS. Servers "
    "that are built with TLS may be a cluster, see docs/how-to/encrypt.md#redis"
)
RedisKind = Literal["single", "sentinel", "cluster"]


class ClusterStack(EngineStack):
    """As ``EngineStack``. ``brokers`` is 1, or 3 and more; ``redis`` is the kind of Redis."""

    def __init__(
        self,
        data_dir: Path,
        which: Collection[EngineName] = ALL_ENGINES,
        *,
        brokers: int = 1,
        redis: RedisKind = "single",
        durable: bool = True,
        progress: Progress = silent,
        warn: Progress = silent,
        tls: bool = False,
        jvm_options: Sequence[str] = (),
    ) -> None:
        super().__init__(
            data_dir, which, durable=durable, progress=progress, warn=warn, tls=tls, jvm_options=jvm_options
        )
        self._brokers = brokers
        self._redis = redis
        if self._tls is not None and brokers > 1:
            self._tls = replace(self._tls, several=names_of(brokers))

    def open(self) -> None:
        """Take the data directory and choose the ports; starts nothing. Raises DataDirBusyError, EngineError."""
        self._refuse_other_brokers()
        if self._tls is not None and "redis" in self._which and self._redis != "single":
            raise EngineError(NO_TLS)
        super().open()
        if "kafka" in self._engines and self._brokers > 1:
            self._engines["kafka"] = KafkaCluster(self._engines["kafka"].context, self._brokers)
        if "redis" in self._engines and self._redis != "single":
            kind = RedisCluster if self._redis == "cluster" else RedisWatched
            self._engines["redis"] = kind(self._engines["redis"].context)

    def _refuse_other_brokers(self) -> None:
        """Raise EngineError for data of another number of brokers: that of new ones would be empty."""
        alone, several = (self._data_dir / name / "data" / "meta.properties" for name in ("kafka", "kafka-1"))
        if "kafka" in self._which and (alone if self._brokers > 1 else several).exists():
            has, other = ("one broker", "BROKERS=1") if self._brokers > 1 else ("several brokers", "BROKERS=3")
            raise EngineError(
                f"{self._data_dir} has the log of {has}: start it with {other}, or name another directory"
            )
