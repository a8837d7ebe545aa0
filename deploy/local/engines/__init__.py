"""Embedded engines for one machine: Kafka, Redis, PostgreSQL, ClickHouse and NATS from Python wheels and pinned jars.

    with EngineStack(Path(".agentflow")) as endpoints:
        print(endpoints.kafka_bootstrap)

`python -m deploy.local.engines --data-dir DIR` does the same from a shell and runs until Ctrl-C.
"""

from deploy.local.engines.endpoints import Endpoints
from deploy.local.engines.errors import EngineError, EngineStartError, JarMismatchError
from deploy.local.engines.stack import ALL_ENGINES, EngineName, EngineStack

__all__ = [
    "ALL_ENGINES",
    "Endpoints",
    "EngineError",
    "EngineName",
    "EngineStack",
    "EngineStartError",
    "JarMismatchError",
]
