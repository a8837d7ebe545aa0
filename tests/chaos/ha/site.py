"""The system on engines of several servers, and whether all of these are in order again."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from redis.exceptions import RedisError

from deploy.local.engines.engine import Engine
from deploy.local.engines.redis_servers import RedisServer, Sentinel
from deploy.local.engines.several import Several
from deploy.local.roles import RoleProcess
from schemas.errors import Unavailable
from tests.chaos.stack import LoadedSystem
from topics import clients

#: A name for whichever server of Redis is a master when a fault strikes, the next one each time.
REDIS_MASTER = "redis-master"
WHOLE_WITHIN_S = 90.0


@dataclass
class HaSystem(LoadedSystem):
    """Three brokers, and Redis as a cluster or with Sentinels; workers know the model without a link between."""

    brokers: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        self._turn = 0

    def role_env(self, name: str) -> dict[str, str]:
        """Return the environment of a role."""
        return super().role_env(name) | {"LOCAL_PROVIDER_URL": self.model_url}

    def find(self, name: str) -> RoleProcess | Engine:
        """Return a role, an engine, one of its servers, or a master of Redis. Raises ``KeyError``."""
        if name == REDIS_MASTER:
            masters = self._masters()
            self._turn += 1
            return masters[self._turn % len(masters)]
        for engine in self.stack.engines.values():
            if isinstance(engine, Several):
                for server in engine.servers:
                    if server.name == name:
                        return server
        return super().find(name)

    async def whole(self) -> None:
        """Wait until every replica is in sync again, so that the next loss is one that can be borne."""
        await _until(self._redis_is_whole, "Redis")
        deadline = time.monotonic() + WHOLE_WITHIN_S
        while not await self._log_is_whole():
            if time.monotonic() > deadline:
                raise TimeoutError("replicas of topics are not in sync again")
            await asyncio.sleep(0.3)

    def _masters(self) -> list[RedisServer]:
        deadline = time.monotonic() + WHOLE_WITHIN_S
        while time.monotonic() < deadline:
            found = [server for server in self._servers() if _role(server) == b"master" and _has_slots(server)]
            if found:
                return found
            time.sleep(0.1)
        raise KeyError(REDIS_MASTER)

    def _servers(self) -> list[RedisServer]:
        redis = self.stack.engine("redis")
        assert isinstance(redis, Several)
        return [one for one in redis.servers if isinstance(one, RedisServer) and not isinstance(one, Sentinel)]

    def _redis_is_whole(self) -> bool:
        servers = self._servers()
        roles = [_role(server) for server in servers]
        masters = 3 if self.redis == "cluster" else 1
        linked = sum(_is_linked(server) for server in servers)
        return roles.count(b"master") == masters and linked == len(servers) - masters

    async def _log_is_whole(self) -> bool:
        admin = clients.admin(self.endpoints.kafka_bootstrap, 5_000)
        try:
            async with asyncio.timeout(10):
                await admin.start()
                described = await admin.describe_topics()
        except Exception:  # noqa: BLE001 - a broker that starts answers in many ways
            return False
        finally:
            with suppress(Exception):
                await admin.close()
        parts = [part for topic in described for part in topic["partitions"]]
        return bool(parts) and all(len(part["isr"]) == len(part["replicas"]) for part in parts)


async def _until(ready: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WHOLE_WITHIN_S
    while True:
        with suppress(RedisError, OSError, Unavailable):
            if await asyncio.to_thread(ready):
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} is not whole again after {WHOLE_WITHIN_S:.0f} s")
        await asyncio.sleep(0.3)


def _role(server: RedisServer) -> bytes:
    with suppress(RedisError, OSError):
        found: bytes = server.ask("ROLE")[0]
        return found
    return b""


def _is_linked(server: RedisServer) -> bool:
    with suppress(RedisError, OSError):
        role = server.ask("ROLE")
        return bool(role[0] == b"slave" and role[3] == b"connected")
    return False


def _has_slots(server: RedisServer) -> bool:
    """Whether a master serves anything: one that lost its slots to its replica does not know it for a moment."""
    with suppress(RedisError, OSError):
        return bool(len(server.ask("ROLE")[2]))
    return False
